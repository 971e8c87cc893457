//! `flotilla status`: how each process of a fleet stands.

use std::time::Duration;

use clap::Args;
use futures_util::future::{join_all, select_ok};
use messaging::Status;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::columns::columns;
use crate::manifest::BROKER;
use crate::plan::Role;
use crate::running::{AskError, Running, RunningArgs, RunningError};
use crate::screen::Screen;

/// How long the broker may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// What `flotilla status` can be told.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The fleet.
    #[command(flatten)]
    pub running: RunningArgs,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// How a fleet stands.
#[derive(Debug, Serialize)]
pub struct FleetStatus {
    /// Its name.
    pub fleet: String,
    /// Whether every process is ready.
    pub ready: bool,
    /// The broker, the contexts, the gateway.
    pub processes: Vec<ProcessStatus>,
}

/// How a process stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStatus {
    /// Its name.
    pub name: String,
    /// What it is to the fleet.
    pub role: Role,
    /// Where it is.
    pub at: String,
    /// Whether it can work.
    #[serde(flatten)]
    pub health: Health,
    /// The messaging of a context, if it says how that stands.
    pub messaging: Option<Status>,
    /// Why a context that runs does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many dead letters of a context are open, if the broker says so.
    pub dead_letters: Option<usize>,
}

/// Whether a process can work.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "camelCase")]
pub enum Health {
    /// It can.
    Ready,
    /// It runs, but lacks something.
    NotReady(String),
    /// It does not answer.
    Down(String),
}

/// Shows how the fleet stands, and tells whether all of it is ready.
pub async fn status(args: &StatusArgs, screen: &Screen) -> Result<bool, RunningError> {
    let status = FleetStatus::of(&args.running.find()?).await;
    if args.json {
        screen.line(serde_json::json!(status));
    } else {
        screen.line(status.table());
    }
    Ok(status.ready)
}

impl FleetStatus {
    /// Asks every process and the broker.
    pub async fn of(running: &Running) -> Self {
        let broker = broker(running).await;
        let reachable = broker.health == Health::Ready;
        let others = running.plan.processes.iter().filter(|process| process.role != Role::Broker);
        let asked = others.map(|process| ProcessStatus::of(running, &process.name, process.role, reachable));
        let mut processes = vec![broker];
        processes.extend(join_all(asked).await);
        let ready = processes.iter().all(|process| process.health == Health::Ready);
        Self { fleet: running.plan.fleet.clone(), ready, processes }
    }

    /// For people.
    pub fn table(&self) -> String {
        let rows = self.processes.iter().map(ProcessStatus::row).collect::<Vec<_>>();
        let header = ["PROCESS", "STATE", "LAG", "OUTBOX", "OLDEST", "DEAD LETTERS", "AT", "WHY"];
        columns(header, &rows)
    }
}

impl ProcessStatus {
    async fn of(running: &Running, name: &str, role: Role, broker: bool) -> Self {
        let health = async { Health::of(running.get(name, "/readyz").await).await };
        let context = role == Role::Context;
        let messaging = async { if context { running.messaging(name).await.map(Some) } else { Ok(None) } };
        let letters = async { if context && broker { running.dead_letters(name).await.ok() } else { None } };
        let (health, messaging, letters) = tokio::join!(health, messaging, letters);
        let (messaging, refused) = match messaging {
            Ok(messaging) => (messaging, None),
            Err(AskError::Refused { detail, .. }) => (None, Some(detail)),
            // Its health says it better.
            Err(AskError::Silent(_)) => (None, None),
        };
        let dead_letters = letters.map(|letters| letters.len());
        Self { name: name.to_owned(), role, at: running.url(name), health, messaging, refused, dead_letters }
    }

    fn row(&self) -> [String; 8] {
        let (state, why) = match &self.health {
            Health::Ready => ("ready", self.refused.as_deref().unwrap_or_default()),
            Health::NotReady(why) => ("not ready", why.as_str()),
            Health::Down(why) => ("down", why.as_str()),
        };
        let of_context = |known: Option<String>| match known {
            Some(known) => known,
            None if self.role == Role::Context => "?".to_owned(),
            None => "-".to_owned(),
        };
        let messaging = self.messaging.as_ref();
        [
            self.name.clone(),
            state.to_owned(),
            of_context(messaging.and_then(|known| known.consumer.as_ref()).map(|consumer| consumer.lag.to_string())),
            of_context(messaging.map(|known| known.outbox_depth.to_string())),
            of_context(messaging.map(age)),
            of_context(self.dead_letters.map(|count| count.to_string())),
            self.at.clone(),
            why.to_owned(),
        ]
    }
}

impl Health {
    async fn of(answer: Result<reqwest::Response, AskError>) -> Self {
        match answer {
            Err(error) => Self::Down(error.to_string()),
            Ok(answer) if answer.status() == StatusCode::OK => Self::Ready,
            Ok(answer) => {
                let status = answer.status();
                Self::NotReady(reasons(status, &answer.text().await.unwrap_or_default()))
            }
        }
    }
}

/// The checks that failed, as a service tells them in the body of `/readyz`.
fn reasons(status: StatusCode, body: &str) -> String {
    let body = serde_json::from_str::<Value>(body).unwrap_or_default();
    let checks = body["checks"].as_object().into_iter().flatten();
    let failed = checks.filter_map(|(name, said)| {
        let said = said.as_str()?;
        (said != "ok").then(|| format!("{name}: {said}"))
    });
    let failed = failed.collect::<Vec<_>>().join("; ");
    if failed.is_empty() { format!("it answers {status}") } else { failed }
}

/// How long the oldest event waits.
fn age(messaging: &Status) -> String {
    let age = Duration::try_from_secs_f64(messaging.outbox_age_seconds).unwrap_or_default();
    let shown = if age < Duration::from_secs(1) { age.as_millis() } else { u128::from(age.as_secs()) * 1000 };
    match u64::try_from(shown) {
        _ if messaging.outbox_depth == 0 => "-".to_owned(),
        Ok(millis) => humantime::format_duration(Duration::from_millis(millis)).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// The broker, whoever runs it: one that can be connected to is enough.
async fn broker(running: &Running) -> ProcessStatus {
    let at = running.plan.brokers.clone();
    let connects = at.split(',').map(|address| Box::pin(connect(address.trim())));
    let health = match select_ok(connects).await {
        Ok(_) => Health::Ready,
        Err(why) => Health::Down(why),
    };
    ProcessStatus {
        name: BROKER.to_owned(),
        role: Role::Broker,
        at,
        health,
        messaging: None,
        refused: None,
        dead_letters: None,
    }
}

async fn connect(address: &str) -> Result<(), String> {
    match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {}", humantime::format_duration(CONNECT))),
    }
}

#[cfg(test)]
mod tests {
    use messaging::ConsumerStatus;

    use super::*;

    fn context(name: &str, health: Health) -> ProcessStatus {
        let consumer = ConsumerStatus { group: "harbour.crane.1".to_owned(), lag: 7, partitions: 6 };
        let messaging = Status {
            context: name.to_owned(),
            outbox_depth: 3,
            outbox_age_seconds: 61.4,
            consumer: Some(consumer),
            dead_letter_topic: "harbour.crane.dead-letters".to_owned(),
        };
        ProcessStatus {
            name: name.to_owned(),
            role: Role::Context,
            at: "http://h:1".to_owned(),
            health,
            messaging: Some(messaging),
            refused: None,
            dead_letters: Some(2),
        }
    }

    fn fleet() -> FleetStatus {
        let silent = ProcessStatus {
            messaging: None,
            dead_letters: None,
            ..context("boat", Health::Down("nobody answers there".to_owned()))
        };
        let gateway = ProcessStatus {
            role: Role::Gateway,
            messaging: None,
            dead_letters: None,
            ..context("gateway", Health::Ready)
        };
        FleetStatus {
            fleet: "harbour".to_owned(),
            ready: false,
            processes: vec![context("crane", Health::Ready), silent, gateway],
        }
    }

    #[test]
    fn people_see_what_is_known_what_is_not_and_what_a_process_does_not_have() {
        let expected = [
            "PROCESS  STATE  LAG  OUTBOX  OLDEST  DEAD LETTERS  AT          WHY",
            "crane    ready  7    3       1m 1s   2             http://h:1",
            "boat     down   ?    ?       ?       ?             http://h:1  nobody answers there",
            "gateway  ready  -    -       -       -             http://h:1",
        ];
        assert_eq!(fleet().table(), expected.join("\n"));
    }

    #[test]
    fn a_context_that_does_not_tell_how_it_stands_says_why() {
        let refused = Some("who are you?".to_owned());
        let crane = ProcessStatus { messaging: None, refused, ..context("crane", Health::Ready) };
        assert_eq!(crane.row(), ["crane", "ready", "?", "?", "?", "2", "http://h:1", "who are you?"]);
    }

    #[test]
    fn machines_see_the_same() {
        let json = serde_json::json!(fleet());
        assert_eq!((&json["fleet"], &json["ready"]), (&"harbour".into(), &false.into()));
        let [crane, boat] = [&json["processes"][0], &json["processes"][1]];
        assert_eq!(
            (&crane["state"], &crane["deadLetters"], &crane["role"]),
            (&"ready".into(), &2.into(), &"context".into())
        );
        assert_eq!(
            (&crane["messaging"]["consumer"]["lag"], &crane["messaging"]["outboxDepth"]),
            (&7.into(), &3.into())
        );
        assert_eq!((&boat["state"], &boat["reason"]), (&"down".into(), &"nobody answers there".into()));
    }

    #[test]
    fn an_empty_outbox_has_no_oldest_event_and_a_young_one_is_told_in_milliseconds() {
        let with = |depth, seconds| {
            let mut status = context("crane", Health::Ready).messaging.unwrap();
            (status.outbox_depth, status.outbox_age_seconds) = (depth, seconds);
            age(&status)
        };
        assert_eq!([with(0, 0.0), with(1, 0.25), with(1, 3601.9)], ["-", "250ms", "1h 1s"]);
    }

    #[test]
    fn the_reason_names_the_checks_that_failed() {
        let body =
            r#"{"status":"not-ready","checks":{"store":"no answer within 1 s","broker":"ok","shutdown":"told"}}"#;
        let told = reasons(StatusCode::SERVICE_UNAVAILABLE, body);
        assert!(told.contains("store: no answer within 1 s") && told.contains("shutdown: told"), "{told}");
        assert!(!told.contains("broker"), "{told}");
        assert_eq!(reasons(StatusCode::NOT_FOUND, "?"), "it answers 404 Not Found");
    }
}
