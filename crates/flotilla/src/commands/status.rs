//! `flotilla status`: the state of each process of a fleet.

use std::time::Duration;

use clap::Args;
use futures_util::future::{join_all, select_ok};
use messaging::Status;
use reqwest::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::commands::fleet_client::{FleetClient, FleetClientArgs, FleetClientError, RequestError};
use crate::output::columns::columns;
use crate::output::screen::Screen;
use crate::plan::Role;
use manifest::BROKER;

/// Time limit for a connection to the broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Arguments of `flotilla status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The fleet.
    #[command(flatten)]
    pub client: FleetClientArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// The state of a fleet.
#[derive(Debug, Serialize)]
pub struct FleetStatus {
    /// The name.
    pub fleet: String,
    /// Whether every process is ready.
    pub ready: bool,
    /// The broker, the contexts and the gateway, in this order.
    pub processes: Vec<ProcessStatus>,
}

/// The state of a process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessStatus {
    /// The name.
    pub name: String,
    /// The role in the fleet.
    pub role: Role,
    /// The base URL, or the addresses of the brokers.
    pub at: String,
    /// The health.
    #[serde(flatten)]
    pub health: Health,
    /// The messaging status of a context, if known.
    pub messaging: Option<Status>,
    /// Why a client context does not return its messaging status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The number of unresolved dead letters of a context, if known.
    pub dead_letters: Option<usize>,
}

/// The health of a process.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reason", rename_all = "camelCase")]
pub enum Health {
    /// The process is ready.
    Ready,
    /// The process runs and is not ready, with the reason.
    NotReady(String),
    /// The process does not respond, with the reason.
    Down(String),
}

/// Prints the state of the fleet. Returns whether every process is ready.
pub async fn status(args: &StatusArgs, screen: &Screen) -> Result<bool, FleetClientError> {
    let status = FleetStatus::of(&args.client.client()?).await;
    if args.json {
        screen.line(serde_json::json!(status));
    } else {
        screen.line(status.table());
    }
    Ok(status.ready)
}

impl FleetStatus {
    /// Queries every process and the broker.
    pub async fn of(client: &FleetClient) -> Self {
        let broker = broker(client).await;
        let reachable = broker.health == Health::Ready;
        let others = client.plan.processes.iter().filter(|process| process.role != Role::Broker);
        let queries = others.map(|process| ProcessStatus::of(client, &process.name, process.role, reachable));
        let mut processes = vec![broker];
        processes.extend(join_all(queries).await);
        let ready = processes.iter().all(|process| process.health == Health::Ready);
        Self { fleet: client.plan.fleet.clone(), ready, processes }
    }

    /// The table for people.
    pub fn table(&self) -> String {
        let rows = self.processes.iter().map(ProcessStatus::row).collect::<Vec<_>>();
        let header = ["PROCESS", "STATE", "LAG", "OUTBOX", "OLDEST", "REFUSED", "DEAD LETTERS", "AT", "WHY"];
        columns(header, &rows)
    }
}

impl ProcessStatus {
    async fn of(client: &FleetClient, name: &str, role: Role, broker: bool) -> Self {
        let health = async { Health::of(client.get(name, "/readyz").await).await };
        let context = role == Role::Context;
        let messaging = async { if context { client.messaging(name).await.map(Some) } else { Ok(None) } };
        let letters = async { if context && broker { client.dead_letters(name).await.ok() } else { None } };
        let (health, messaging, letters) = tokio::join!(health, messaging, letters);
        let (messaging, refused) = match messaging {
            Ok(messaging) => (messaging, None),
            Err(RequestError::Rejected { detail, .. }) => (None, Some(detail)),
            // The health has the reason.
            Err(RequestError::Unavailable(_)) => (None, None),
        };
        let dead_letters = letters.map(|letters| letters.len());
        Self { name: name.to_owned(), role, at: client.url(name), health, messaging, refused, dead_letters }
    }

    fn row(&self) -> [String; 9] {
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
            of_context(messaging.map(|known| known.refused_events.to_string())),
            of_context(self.dead_letters.map(|count| count.to_string())),
            self.at.clone(),
            why.to_owned(),
        ]
    }
}

impl Health {
    async fn of(response: Result<reqwest::Response, RequestError>) -> Self {
        match response {
            Err(error) => Self::Down(error.to_string()),
            Ok(response) if response.status() == StatusCode::OK => Self::Ready,
            Ok(response) => {
                let status = response.status();
                Self::NotReady(reasons(status, &response.text().await.unwrap_or_default()))
            }
        }
    }
}

/// The failed checks in the body of `/readyz`.
fn reasons(status: StatusCode, body: &str) -> String {
    let body = serde_json::from_str::<Value>(body).unwrap_or_default();
    let checks = body["checks"].as_object().into_iter().flatten();
    let failed = checks.filter_map(|(name, result)| {
        let result = result.as_str()?;
        (result != "ok").then(|| format!("{name}: {result}"))
    });
    let failed = failed.collect::<Vec<_>>().join("; ");
    if failed.is_empty() { format!("HTTP status {status}") } else { failed }
}

/// The age of the oldest event in the outbox.
fn age(messaging: &Status) -> String {
    let age = Duration::try_from_secs_f64(messaging.outbox_age_seconds).unwrap_or_default();
    let shown = if age < Duration::from_secs(1) { age.as_millis() } else { u128::from(age.as_secs()) * 1000 };
    match u64::try_from(shown) {
        _ if messaging.outbox_depth == 0 => "-".to_owned(),
        Ok(millis) => humantime::format_duration(Duration::from_millis(millis)).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// The state of the broker: ready if one of its addresses accepts a connection.
async fn broker(client: &FleetClient) -> ProcessStatus {
    let at = client.plan.brokers.clone();
    let connections = at.split(',').map(|address| Box::pin(connect(address.trim())));
    let health = match select_ok(connections).await {
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
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {}", humantime::format_duration(CONNECT_TIMEOUT))),
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
            refused_events: 1,
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
            "PROCESS  STATE  LAG  OUTBOX  OLDEST  REFUSED  DEAD LETTERS  AT          WHY",
            "crane    ready  7    3       1m 1s   1        2             http://h:1",
            "boat     down   ?    ?       ?       ?        ?             http://h:1  nobody answers there",
            "gateway  ready  -    -       -       -        -             http://h:1",
        ];
        assert_eq!(fleet().table(), expected.join("\n"));
    }

    #[test]
    fn a_context_without_a_messaging_status_shows_the_reason() {
        let refused = Some("who are you?".to_owned());
        let crane = ProcessStatus { messaging: None, refused, ..context("crane", Health::Ready) };
        assert_eq!(crane.row(), ["crane", "ready", "?", "?", "?", "?", "2", "http://h:1", "who are you?"]);
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
    fn an_empty_outbox_has_no_oldest_event_and_a_young_one_is_shown_in_milliseconds() {
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
        let failed = reasons(StatusCode::SERVICE_UNAVAILABLE, body);
        assert!(failed.contains("store: no answer within 1 s") && failed.contains("shutdown: told"), "{failed}");
        assert!(!failed.contains("broker"), "{failed}");
        assert_eq!(reasons(StatusCode::NOT_FOUND, "?"), "HTTP status 404 Not Found");
    }
}
