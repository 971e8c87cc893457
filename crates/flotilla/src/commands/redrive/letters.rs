//! Dead letters, as `flotilla redrive` lists and redrives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, SystemClock};
use events::excerpt;
use futures_util::future::join_all;
use messaging::admin::{self, RedriveError as NotSent};
use messaging::{DeadLetter, RecordPosition, Status};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::commands::fleet_client::{FleetClient, blocking};
use crate::commands::redrive::args::{RedriveArgs, RedriveError};
use crate::commands::redrive::outbox::{POLL_INTERVAL, published};
use crate::output::columns::{columns, sanitized};
use crate::output::screen::Screen;

/// A dead letter and its context. One record can be a dead letter of several contexts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Letter {
    context: String,
    #[serde(flatten)]
    letter: DeadLetter,
}

/// The outcome of one dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "kebab-case")]
enum Outcome {
    NotSent(String),
    Handled,
    DeadAgain(String),
    StillWaiting(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {}", sanitized(why)),
            Self::Handled => write!(f, "handled"),
            Self::DeadAgain(why) => write!(f, "dead again: {}", sanitized(why)),
            Self::StillWaiting(why) => write!(f, "still waiting: {why}"),
        }
    }
}

/// Redrives dead letters. Returns whether all of them are handled.
pub(crate) async fn redrive(
    client: &FleetClient,
    contexts: &[String],
    args: &RedriveArgs,
    screen: &Screen,
) -> Result<bool, RedriveError> {
    let chosen = choose(find(client, contexts).await?, &args.letter)?;
    let sent = send(client, &chosen).await;
    let outcomes = await_outcomes(client, &chosen, &sent, args.within).await;
    for ((letter, sent), outcome) in chosen.iter().zip(&sent).zip(&outcomes) {
        report(letter, sent.as_ref().ok(), outcome, args.json, screen);
    }
    if chosen.is_empty() && !args.json {
        screen.line("There are no unresolved dead letters.");
    }
    Ok(outcomes.iter().all(|outcome| *outcome == Outcome::Handled))
}

/// The unresolved dead letters of these contexts.
pub(crate) async fn find(client: &FleetClient, contexts: &[String]) -> Result<Vec<Letter>, RedriveError> {
    let mut all = Vec::new();
    for context in contexts {
        let letters = client.dead_letters(context).await;
        let letters = letters.map_err(|source| RedriveError::Broker { context: context.clone(), source })?;
        all.extend(letters.into_iter().map(|letter| Letter { context: context.clone(), letter }));
    }
    Ok(all)
}

/// Selects the named letters, or all if none is named.
fn choose(letters: Vec<Letter>, named: &[RecordPosition]) -> Result<Vec<Letter>, RedriveError> {
    match named.iter().find(|place| letters.iter().all(|letter| letter.letter.place != **place)) {
        Some(missing) => Err(RedriveError::NotOpen(missing.clone())),
        None if named.is_empty() => Ok(letters),
        None => Ok(letters.into_iter().filter(|letter| named.contains(&letter.letter.place)).collect()),
    }
}

/// Prints the letters.
pub(crate) fn list(letters: &[Letter], json: bool, screen: &Screen) {
    if json {
        for letter in letters {
            screen.line(serde_json::json!(letter));
        }
    } else if letters.is_empty() {
        screen.line("There are no unresolved dead letters.");
    } else {
        let rows = letters.iter().map(row).collect::<Vec<_>>();
        screen.line(columns(["LETTER", "CONTEXT", "TYPE", "KEY", "ATTEMPTS", "REASON"], &rows));
    }
}

fn row(Letter { context, letter }: &Letter) -> [String; 6] {
    let kind = letter.kind().unwrap_or_else(|| "-".to_owned());
    [
        letter.place.to_string(),
        context.clone(),
        excerpt(&kind),
        excerpt(&letter.key()),
        letter.attempts.to_string(),
        sanitized(&letter.reason),
    ]
}

/// Publishes the letters in order. Returns the position of each new record.
async fn send(client: &FleetClient, letters: &[Letter]) -> Vec<Result<RecordPosition, NotSent>> {
    let ids = Ids::from_entropy(Arc::new(SystemClock));
    let mut sent = Vec::with_capacity(letters.len());
    for Letter { context, letter } in letters {
        sent.push(admin::redrive(&client.broker, context, letter, &ids, SystemClock.now()).await);
    }
    sent
}

/// Waits for the outcome of each letter, for `within` at most.
async fn await_outcomes(
    client: &FleetClient,
    letters: &[Letter],
    sent: &[Result<RecordPosition, NotSent>],
    within: Duration,
) -> Vec<Outcome> {
    let deadline = Instant::now() + within;
    let mut by_context: BTreeMap<&str, BTreeSet<RecordPosition>> = BTreeMap::new();
    for (letter, place) in letters.iter().zip(sent) {
        by_context.entry(&letter.context).or_default().extend(place.as_ref().ok().cloned());
    }
    let outcomes = by_context.into_iter().map(async |(context, places)| {
        let redriven = Redriven { client, context, within, deadline };
        (context, redriven.outcomes(places).await)
    });
    let outcomes: BTreeMap<&str, BTreeMap<RecordPosition, Outcome>> = join_all(outcomes).await.into_iter().collect();
    let outcome = |(letter, sent): (&Letter, &Result<RecordPosition, NotSent>)| match sent {
        Ok(place) => outcomes[letter.context.as_str()][place].clone(),
        Err(error) => Outcome::NotSent(error.to_string()),
    };
    letters.iter().zip(sent).map(outcome).collect()
}

/// The redriven letters of one context.
struct Redriven<'a> {
    client: &'a FleetClient,
    context: &'a str,
    within: Duration,
    deadline: Instant,
}

impl Redriven<'_> {
    async fn outcomes(&self, places: BTreeSet<RecordPosition>) -> BTreeMap<RecordPosition, Outcome> {
        let (unfinished, why) = self.until_finished(&places).await;
        let dead = if unfinished.len() < places.len() { self.dead_letters().await } else { Ok(BTreeMap::new()) };
        let outcome = |place: &RecordPosition| match &dead {
            _ if unfinished.contains(place) => Outcome::StillWaiting(why.clone()),
            Err(why) => Outcome::StillWaiting(why.clone()),
            Ok(dead) => dead.get(place).map_or(Outcome::Handled, |reason| Outcome::DeadAgain(reason.clone())),
        };
        places.iter().map(|place| (place.clone(), outcome(place))).collect()
    }

    /// The records that are not consumed at the deadline, and the reason.
    async fn until_finished(&self, places: &BTreeSet<RecordPosition>) -> (BTreeSet<RecordPosition>, String) {
        let mut unfinished = places.clone();
        let mut why = Ok(());
        while !unfinished.is_empty() && Instant::now() < self.deadline {
            match self.unfinished(&unfinished).await {
                Ok(left) => (unfinished, why) = (left, Ok(())),
                Err(error) => why = Err(error),
            }
            if !unfinished.is_empty() {
                sleep(POLL_INTERVAL).await;
            }
        }
        let late =
            || format!("{} has not consumed it within {}", self.context, humantime::format_duration(self.within));
        (unfinished, why.err().unwrap_or_else(late))
    }

    async fn unfinished(&self, places: &BTreeSet<RecordPosition>) -> Result<BTreeSet<RecordPosition>, String> {
        let consumer = self.status().await?.consumer;
        let group = consumer.ok_or_else(|| format!("{} has no connection to the broker", self.context))?.group;
        let (broker, places) = (self.client.broker.clone(), places.clone());
        blocking(move || admin::unfinished(&broker, &group, &places)).await.map_err(|error| error.to_string())
    }

    /// The reasons of the dead letters of the context, by position. Waits until the outbox has published them.
    async fn dead_letters(&self) -> Result<BTreeMap<RecordPosition, String>, String> {
        let finished = Instant::now();
        while !published(&self.status().await?, finished.elapsed()) {
            if Instant::now() >= self.deadline {
                return Err(format!("{} has not published the outcome", self.context));
            }
            sleep(POLL_INTERVAL).await;
        }
        let letters = self.client.dead_letters(self.context).await.map_err(|error| error.to_string())?;
        Ok(letters.into_iter().map(|letter| (letter.place, letter.reason)).collect())
    }

    async fn status(&self) -> Result<Status, String> {
        let status = self.client.messaging(self.context).await;
        status.map_err(|error| format!("{}: {error}", self.context))
    }
}

fn report(letter: &Letter, sent: Option<&RecordPosition>, outcome: &Outcome, json: bool, screen: &Screen) {
    if json {
        #[derive(Serialize)]
        struct Line<'a> {
            context: &'a str,
            letter: &'a RecordPosition,
            sent: Option<&'a RecordPosition>,
            #[serde(flatten)]
            outcome: &'a Outcome,
        }
        let line = Line { context: &letter.context, letter: &letter.letter.place, sent, outcome };
        return screen.line(serde_json::json!(line));
    }
    let sent = sent.map(|place| format!(", sent as {place}")).unwrap_or_default();
    screen.line(format_args!("{} ({}){sent}: {outcome}", letter.letter.place, letter.context));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::redrive::args::parse_position;

    fn letter(context: &str, id: &str) -> Letter {
        let text = format!(
            r#"{{"place":{},"reason":"no\nJSON","attempts":5,"key":{{"text":"5000"}},
                "headers":[["ce_type",{{"text":"Lifted"}}]],"payload":{{"text":"oops"}}}}"#,
            serde_json::json!(parse_position(id).unwrap())
        );
        Letter { context: context.to_owned(), letter: serde_json::from_str(&text).unwrap() }
    }

    #[test]
    fn a_named_letter_is_chosen_in_every_context_that_has_it() {
        let letters = || vec![letter("boat", "h.c/0/1"), letter("crane", "h.c/0/1"), letter("boat", "h.c/0/2")];
        let named = |id: &str| choose(letters(), &[parse_position(id).unwrap()]);
        let contexts = named("h.c/0/1").unwrap().into_iter().map(|letter| letter.context).collect::<Vec<_>>();
        assert_eq!(contexts, ["boat", "crane"]);
        assert_eq!(named("h.c/0/3").err().unwrap().to_string(), "h.c/0/3 is not an unresolved dead letter");
        assert_eq!(choose(letters(), &[]).unwrap().len(), 3);
    }

    #[test]
    fn a_row_is_one_line_with_the_reason() {
        let expected = ["h.c/0/1", "boat", "Lifted", "5000", "5", "no\\u{a}JSON"];
        assert_eq!(row(&letter("boat", "h.c/0/1")), expected);
    }

    #[test]
    fn the_outcome_of_a_letter_has_a_text_and_a_json_form() {
        let again = Outcome::DeadAgain("no\tJSON".to_owned());
        assert_eq!(again.to_string(), "dead again: no\\u{9}JSON");
        assert_eq!(serde_json::json!(again), serde_json::json!({"outcome": "dead-again", "reason": "no\tJSON"}));
        assert_eq!(serde_json::json!(Outcome::Handled), serde_json::json!({"outcome": "handled"}));
    }
}
