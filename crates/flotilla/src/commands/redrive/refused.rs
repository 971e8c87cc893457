//! Events that the broker rejected permanently, as `flotilla redrive` lists them and returns them to the outbox.

use std::fmt;

use messaging::RefusedEvent;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::commands::fleet_client::{FleetClient, RequestError};
use crate::commands::redrive::args::{RedriveArgs, RedriveError};
use crate::commands::redrive::outbox::{POLL_INTERVAL, published};
use crate::output::columns::{columns, sanitized};
use crate::output::screen::Screen;

/// A rejected event and its context.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    context: String,
    #[serde(flatten)]
    event: RefusedEvent,
}

/// A context with its rejected events, or the error of the request.
pub(crate) type Listing = (String, Result<Vec<RefusedEvent>, RequestError>);

/// The outcome of an event that was returned to the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "kebab-case")]
enum Outcome {
    Published,
    RefusedAgain(String),
    StillWaiting,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published => write!(f, "published"),
            Self::RefusedAgain(why) => write!(f, "refused again: {}", sanitized(why)),
            Self::StillWaiting => write!(f, "still waiting in the outbox"),
        }
    }
}

/// The rejected events of these contexts.
pub(crate) async fn find(client: &FleetClient, contexts: &[String]) -> Vec<Listing> {
    let mut found = Vec::with_capacity(contexts.len());
    for context in contexts {
        found.push((context.clone(), client.refused_events(context).await));
    }
    found
}

/// Prints the events. A context that is unavailable is named and does not hide the others.
pub(crate) fn list(listings: &[Listing], json: bool, screen: &Screen) {
    let events: Vec<Refused> = listings.iter().flat_map(known).collect();
    if json {
        for event in &events {
            screen.line(serde_json::json!(event));
        }
    } else if !events.is_empty() {
        let rows = events.iter().map(row).collect::<Vec<_>>();
        screen.line("");
        screen.line(columns(["REFUSED EVENT", "CONTEXT", "TYPE", "KEY", "REFUSALS", "BYTES", "REASON"], &rows));
    }
    for (context, error) in listings.iter().filter_map(|(context, events)| Some((context, events.as_ref().err()?))) {
        if !json {
            screen.line(format_args!("The refused events of {context} are not known: {error}"));
        }
    }
}

fn known((context, events): &Listing) -> Vec<Refused> {
    let events = events.as_ref().map(Vec::as_slice).unwrap_or_default();
    events.iter().map(|event| Refused { context: context.clone(), event: event.clone() }).collect()
}

fn row(Refused { context, event }: &Refused) -> [String; 7] {
    [
        event.event_id.clone(),
        context.clone(),
        sanitized(&event.kind),
        sanitized(&event.subject),
        event.refusals.to_string(),
        event.bytes.to_string(),
        sanitized(&event.reason),
    ]
}

/// Returns the named events, or all of them, to the outbox. Returns whether all of them were published.
pub(crate) async fn put_back(
    client: &FleetClient,
    contexts: &[String],
    args: &RedriveArgs,
    screen: &Screen,
) -> Result<bool, RedriveError> {
    if args.event.is_empty() && !args.all {
        return Ok(true);
    }
    let (mut chosen, mut unavailable) = (Vec::new(), None);
    for (context, listing) in find(client, contexts).await {
        let named = |event: &RefusedEvent| args.all || args.event.contains(&event.event_id);
        match listing {
            Ok(events) => chosen.push((context, events.into_iter().filter(named).collect::<Vec<_>>())),
            Err(source) => unavailable = Some(RedriveError::Refused { context, source }),
        }
    }
    let is_known = |id: &String| chosen.iter().any(|(_, events)| events.iter().any(|event| event.event_id == *id));
    if let Some(missing) = args.event.iter().find(|id| !is_known(id)) {
        return Err(unavailable.unwrap_or_else(|| RedriveError::NotRefused(missing.clone())));
    }
    let mut all_published = true;
    for (context, events) in chosen.into_iter().filter(|(_, events)| !events.is_empty()) {
        let refused = |source| RedriveError::Refused { context: context.clone(), source };
        let outcomes = put_back_in(client, &context, &events, args).await.map_err(refused)?;
        for (event, outcome) in events.iter().zip(&outcomes) {
            report(&context, event, outcome, args.json, screen);
        }
        all_published &= outcomes.iter().all(|outcome| *outcome == Outcome::Published);
    }
    Ok(all_published)
}

async fn put_back_in(
    client: &FleetClient,
    context: &str,
    events: &[RefusedEvent],
    args: &RedriveArgs,
) -> Result<Vec<Outcome>, RequestError> {
    let ids: Vec<String> = events.iter().map(|event| event.event_id.clone()).collect();
    let begin = Instant::now();
    client.put_back(context, &ids).await?;
    let mut waiting = true;
    while waiting && begin.elapsed() < args.within {
        sleep(POLL_INTERVAL).await;
        // The events kept their times: they are published once nothing older than `begin` waits.
        waiting = !published(&client.messaging(context).await?, begin.elapsed());
    }
    let refused = client.refused_events(context).await?;
    let outcome = |id: &String| match refused.iter().find(|event| event.event_id == *id) {
        Some(again) => Outcome::RefusedAgain(again.reason.clone()),
        None if waiting => Outcome::StillWaiting,
        None => Outcome::Published,
    };
    Ok(ids.iter().map(outcome).collect())
}

fn report(context: &str, event: &RefusedEvent, outcome: &Outcome, json: bool, screen: &Screen) {
    if json {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            context: &'a str,
            event_id: &'a str,
            #[serde(flatten)]
            outcome: &'a Outcome,
        }
        return screen.line(serde_json::json!(Line { context, event_id: &event.event_id, outcome }));
    }
    screen.line(format_args!("{} ({context}): {outcome}", event.event_id));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> RefusedEvent {
        RefusedEvent {
            event_id: "0196".to_owned(),
            topic: "harbour.crane".to_owned(),
            subject: "5000".to_owned(),
            kind: "Lifted".to_owned(),
            happened_at: "2026-11-21T07:30:00.000001Z".to_owned(),
            bytes: 12,
            reason: "Broker: Message\nsize too large".to_owned(),
            refused_at: "2026-11-21T07:30:00.000001Z".to_owned(),
            refusals: 2,
        }
    }

    #[test]
    fn a_row_of_a_rejected_event_is_one_line_with_the_reason() {
        let expected = ["0196", "crane", "Lifted", "5000", "2", "12", "Broker: Message\\u{a}size too large"];
        assert_eq!(row(&Refused { context: "crane".to_owned(), event: event() }), expected);
    }

    #[test]
    fn the_outcome_of_an_event_has_a_text_and_a_json_form() {
        let again = Outcome::RefusedAgain("too\tlarge".to_owned());
        assert_eq!(again.to_string(), "refused again: too\\u{9}large");
        assert_eq!(serde_json::json!(again), serde_json::json!({"outcome": "refused-again", "reason": "too\tlarge"}));
        assert_eq!(serde_json::json!(Outcome::Published), serde_json::json!({"outcome": "published"}));
    }
}
