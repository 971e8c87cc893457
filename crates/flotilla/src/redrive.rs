//! `flotilla redrive`: lists dead letters, sends them again, and says what became of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, SystemClock};
use clap::Args;
use futures_util::future::join_all;
use messaging::admin::{self, KafkaError};
use messaging::{DeadLetter, Place, Status};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::columns::{columns, plain};
use crate::running::{Running, RunningArgs, RunningError, blocking};
use crate::screen::Screen;

/// How often it is asked whether the letters are handled.
const POLL: Duration = Duration::from_millis(250);

/// What `flotilla redrive` can be told. Without `--letter` and `--all` it lists the dead letters.
#[derive(Debug, Clone, Args)]
pub struct RedriveArgs {
    /// The fleet.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Only letters of this context; may be repeated
    #[arg(long)]
    pub context: Vec<String>,
    /// Send this letter again: topic/partition/offset; may be repeated
    #[arg(long, value_parser = place, conflicts_with = "all")]
    pub letter: Vec<Place>,
    /// Send all of them again
    #[arg(long)]
    pub all: bool,
    /// Only list them, which is also what happens when neither one nor all are sent
    #[arg(long, conflicts_with_all = ["all", "letter"])]
    pub list: bool,
    /// How long to wait for what becomes of them
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub within: Duration,
    /// One JSON object per letter
    #[arg(long)]
    pub json: bool,
}

/// Why letters are not listed or sent.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// It is not known how to reach the fleet.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// The broker does not give them.
    #[error("the dead letters of {context} cannot be read: {source}")]
    Broker {
        /// Whose letters.
        context: String,
        /// What the broker says.
        source: KafkaError,
    },
    /// There is no such letter, or it has been sent again.
    #[error("{0} is no open dead letter")]
    NotOpen(Place),
}

/// A letter, and the context whose it is. The same record can be a dead letter of several contexts.
#[derive(Debug, Clone, Serialize)]
struct Letter {
    context: String,
    #[serde(flatten)]
    letter: DeadLetter,
}

/// What became of a letter that was to be sent again.
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
            Self::NotSent(why) => write!(f, "not sent: {}", plain(why)),
            Self::Handled => write!(f, "handled"),
            Self::DeadAgain(why) => write!(f, "dead again: {}", plain(why)),
            Self::StillWaiting(why) => write!(f, "still waiting: {why}"),
        }
    }
}

/// Lists letters or sends them again, and tells whether all that were sent are handled.
pub async fn redrive(args: &RedriveArgs, screen: &Screen) -> Result<bool, RedriveError> {
    let running = args.running.find()?;
    let letters = open(&running, &running.contexts(&args.context)?).await?;
    if args.letter.is_empty() && !args.all {
        list(&letters, args.json, screen);
        return Ok(true);
    }
    let chosen = choose(letters, &args.letter)?;
    let sent = send(&running, &chosen).await;
    let outcomes = settle(&running, &chosen, &sent, args.within).await;
    for ((letter, sent), outcome) in chosen.iter().zip(&sent).zip(&outcomes) {
        tell(letter, sent.as_ref().ok(), outcome, args.json, screen);
    }
    if chosen.is_empty() && !args.json {
        screen.line("There is no open dead letter.");
    }
    Ok(outcomes.iter().all(|outcome| *outcome == Outcome::Handled))
}

async fn open(running: &Running, contexts: &[String]) -> Result<Vec<Letter>, RedriveError> {
    let mut all = Vec::new();
    for context in contexts {
        let letters = running.dead_letters(context).await;
        let letters = letters.map_err(|source| RedriveError::Broker { context: context.clone(), source })?;
        all.extend(letters.into_iter().map(|letter| Letter { context: context.clone(), letter }));
    }
    Ok(all)
}

/// Those with these ids; all if none is named.
fn choose(letters: Vec<Letter>, named: &[Place]) -> Result<Vec<Letter>, RedriveError> {
    match named.iter().find(|place| letters.iter().all(|open| open.letter.place != **place)) {
        Some(missing) => Err(RedriveError::NotOpen(missing.clone())),
        None if named.is_empty() => Ok(letters),
        None => Ok(letters.into_iter().filter(|open| named.contains(&open.letter.place)).collect()),
    }
}

fn list(letters: &[Letter], json: bool, screen: &Screen) {
    if json {
        for letter in letters {
            screen.line(serde_json::json!(letter));
        }
    } else if letters.is_empty() {
        screen.line("There is no open dead letter.");
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
        plain(&kind),
        plain(&letter.key()),
        letter.attempts.to_string(),
        plain(&letter.reason),
    ]
}

/// Sends them in their order, and tells where each stands now.
async fn send(running: &Running, letters: &[Letter]) -> Vec<Result<Place, KafkaError>> {
    let ids = Ids::from_entropy(Arc::new(SystemClock));
    let mut sent = Vec::with_capacity(letters.len());
    for Letter { context, letter } in letters {
        sent.push(admin::redrive(&running.broker, context, letter, &ids, SystemClock.now()).await);
    }
    sent
}

/// What became of each.
async fn settle(
    running: &Running,
    letters: &[Letter],
    sent: &[Result<Place, KafkaError>],
    within: Duration,
) -> Vec<Outcome> {
    let deadline = Instant::now() + within;
    let mut by_context: BTreeMap<&str, BTreeSet<Place>> = BTreeMap::new();
    for (letter, place) in letters.iter().zip(sent) {
        by_context.entry(&letter.context).or_default().extend(place.as_ref().ok().cloned());
    }
    let settled = by_context.into_iter().map(async |(context, places)| {
        let settling = Settling { running, context, within, deadline };
        (context, settling.outcomes(places).await)
    });
    let settled: BTreeMap<&str, BTreeMap<Place, Outcome>> = join_all(settled).await.into_iter().collect();
    let outcome = |(letter, sent): (&Letter, &Result<Place, KafkaError>)| match sent {
        Ok(place) => settled[letter.context.as_str()][place].clone(),
        Err(error) => Outcome::NotSent(error.to_string()),
    };
    letters.iter().zip(sent).map(outcome).collect()
}

/// Waiting for what one context makes of its letters.
struct Settling<'a> {
    running: &'a Running,
    context: &'a str,
    within: Duration,
    deadline: Instant,
}

impl Settling<'_> {
    async fn outcomes(&self, places: BTreeSet<Place>) -> BTreeMap<Place, Outcome> {
        let (unfinished, why) = self.until_finished(&places).await;
        let said = if unfinished.len() < places.len() { self.what_died().await } else { Ok(BTreeMap::new()) };
        let outcome = |place: &Place| match &said {
            _ if unfinished.contains(place) => Outcome::StillWaiting(why.clone()),
            Err(why) => Outcome::StillWaiting(why.clone()),
            Ok(dead) => dead.get(place).map_or(Outcome::Handled, |reason| Outcome::DeadAgain(reason.clone())),
        };
        places.iter().map(|place| (place.clone(), outcome(place))).collect()
    }

    /// Those that are unfinished when the time is up, and why.
    async fn until_finished(&self, places: &BTreeSet<Place>) -> (BTreeSet<Place>, String) {
        let mut unfinished = places.clone();
        let mut why = Ok(());
        while !unfinished.is_empty() && Instant::now() < self.deadline {
            match self.unfinished(&unfinished).await {
                Ok(left) => (unfinished, why) = (left, Ok(())),
                Err(error) => why = Err(error),
            }
            if !unfinished.is_empty() {
                sleep(POLL).await;
            }
        }
        let late = || format!("{} has not come to it within {}", self.context, humantime::format_duration(self.within));
        (unfinished, why.err().unwrap_or_else(late))
    }

    async fn unfinished(&self, places: &BTreeSet<Place>) -> Result<BTreeSet<Place>, String> {
        let consumer = self.status().await?.consumer;
        let group = consumer.ok_or_else(|| format!("{} has no connection to the broker", self.context))?.group;
        let (broker, places) = (self.running.broker.clone(), places.clone());
        blocking(move || admin::unfinished(&broker, &group, &places)).await.map_err(|error| error.to_string())
    }

    /// The dead letters of the context by where they stand, once all that it has said by now is published.
    async fn what_died(&self) -> Result<BTreeMap<Place, String>, String> {
        let finished = Instant::now();
        while !published(&self.status().await?, finished.elapsed()) {
            if Instant::now() >= self.deadline {
                return Err(format!("{} has not published what became of it", self.context));
            }
            sleep(POLL).await;
        }
        let letters = self.running.dead_letters(self.context).await.map_err(|error| error.to_string())?;
        Ok(letters.into_iter().map(|letter| (letter.place, letter.reason)).collect())
    }

    async fn status(&self) -> Result<Status, String> {
        let status = self.running.messaging(self.context).await;
        status.map_err(|error| format!("{}: {error}", self.context))
    }
}

/// Whether nothing in the outbox is older than this.
fn published(status: &Status, age: Duration) -> bool {
    status.outbox_depth == 0 || status.outbox_age_seconds < age.as_secs_f64()
}

fn tell(letter: &Letter, sent: Option<&Place>, outcome: &Outcome, json: bool, screen: &Screen) {
    if json {
        #[derive(Serialize)]
        struct Line<'a> {
            context: &'a str,
            letter: &'a Place,
            sent: Option<&'a Place>,
            #[serde(flatten)]
            outcome: &'a Outcome,
        }
        let line = Line { context: &letter.context, letter: &letter.letter.place, sent, outcome };
        return screen.line(serde_json::json!(line));
    }
    let sent = sent.map(|place| format!(", sent as {place}")).unwrap_or_default();
    screen.line(format_args!("{} ({}){sent}: {outcome}", letter.letter.place, letter.context));
}

/// A letter's id, as it is shown.
fn place(text: &str) -> Result<Place, String> {
    let mut parts = text.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next(), parts.next(), parts.next());
    let read = || Some((topic?, partition?.parse().ok()?, offset?.parse().ok()?));
    match read() {
        Some((topic, partition, offset)) if !topic.is_empty() => {
            Ok(Place { topic: topic.to_owned(), partition, offset })
        }
        _ => Err("a letter's id is topic/partition/offset".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(context: &str, id: &str) -> Letter {
        let text = format!(
            r#"{{"place":{},"reason":"no\nJSON","attempts":5,"key":{{"text":"5000"}},
                "headers":[["ce_type",{{"text":"Lifted"}}]],"payload":{{"text":"oops"}}}}"#,
            serde_json::json!(place(id).unwrap())
        );
        Letter { context: context.to_owned(), letter: serde_json::from_str(&text).unwrap() }
    }

    #[test]
    fn an_id_is_read_as_it_is_shown_and_nothing_else_is_one() {
        let id = Place { topic: "harbour.crane".to_owned(), partition: 3, offset: 14 };
        assert_eq!(place(&id.to_string()), Ok(id));
        for text in ["", "3/14", "/3/14", "harbour.crane/3", "harbour.crane/x/14", "harbour.crane/3/"] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_named_letter_is_chosen_in_every_context_that_has_it_open() {
        let letters = || vec![letter("boat", "h.c/0/1"), letter("crane", "h.c/0/1"), letter("boat", "h.c/0/2")];
        let named = |id: &str| choose(letters(), &[place(id).unwrap()]);
        let contexts = named("h.c/0/1").unwrap().into_iter().map(|letter| letter.context).collect::<Vec<_>>();
        assert_eq!(contexts, ["boat", "crane"]);
        assert_eq!(named("h.c/0/3").err().unwrap().to_string(), "h.c/0/3 is no open dead letter");
        assert_eq!(choose(letters(), &[]).unwrap().len(), 3);
    }

    #[test]
    fn a_row_tells_what_died_where_and_why_on_one_line() {
        let expected = ["h.c/0/1", "boat", "Lifted", "5000", "5", "no\\nJSON"];
        assert_eq!(row(&letter("boat", "h.c/0/1")), expected);
    }

    #[test]
    fn only_what_is_younger_than_the_end_may_still_wait_in_the_outbox() {
        let with = |depth, age| {
            let text = format!(
                r#"{{"context":"boat","outboxDepth":{depth},"outboxAgeSeconds":{age},"consumer":null,
                    "deadLetterTopic":"h.boat.dead-letters"}}"#
            );
            published(&serde_json::from_str(&text).unwrap(), Duration::from_secs(2))
        };
        assert_eq!([with(0, 0.0), with(1, 1.9), with(1, 2.1)], [true, true, false]);
    }

    #[test]
    fn what_became_of_a_letter_is_said_to_people_and_to_machines() {
        let again = Outcome::DeadAgain("no\tJSON".to_owned());
        assert_eq!(again.to_string(), "dead again: no\\tJSON");
        assert_eq!(serde_json::json!(again), serde_json::json!({"outcome": "dead-again", "reason": "no\tJSON"}));
        assert_eq!(serde_json::json!(Outcome::Handled), serde_json::json!({"outcome": "handled"}));
    }
}
