//! The arguments of `flotilla redrive`, and its errors.

use std::time::Duration;

use clap::Args;
use messaging::RecordPosition;
use messaging::admin::KafkaError;

use crate::commands::fleet_client::{FleetClientArgs, FleetClientError, RequestError};

/// Arguments of `flotilla redrive`. Without `--letter`, `--event` and `--all` it lists dead letters and rejected events.
#[derive(Debug, Clone, Args)]
pub struct RedriveArgs {
    /// The fleet.
    #[command(flatten)]
    pub client: FleetClientArgs,
    /// Only dead letters and rejected events of this context; repeatable
    #[arg(long)]
    pub context: Vec<String>,
    /// Redrive this dead letter, given as topic/partition/offset; repeatable
    #[arg(long, value_parser = parse_position, conflicts_with = "all")]
    pub letter: Vec<RecordPosition>,
    /// Return this event, which the broker rejected, to the outbox of its context; repeatable
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    pub event: Vec<String>,
    /// Redrive all dead letters and all rejected events
    #[arg(long)]
    pub all: bool,
    /// List only; the default without --letter, --event and --all
    #[arg(long, conflicts_with_all = ["all", "letter", "event"])]
    pub list: bool,
    /// Time limit for the outcomes
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    pub within: Duration,
    /// Print one JSON object per dead letter or rejected event
    #[arg(long)]
    pub json: bool,
}

/// Why dead letters or rejected events are not listed or redriven.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// The connection settings of the fleet cannot be used.
    #[error(transparent)]
    FleetClient(#[from] FleetClientError),
    /// The broker does not return the dead letters.
    #[error("the dead letters of {context} cannot be read: {source}")]
    Broker {
        /// The context of the dead letters.
        context: String,
        /// The error of the broker.
        source: KafkaError,
    },
    /// A context does not list its rejected events, or does not take them back.
    #[error("the refused events of {context}: {source}")]
    Refused {
        /// The context of the events.
        context: String,
        /// The error of the context.
        source: RequestError,
    },
    /// No such rejected event, or it has been returned to the outbox.
    #[error("{0} is not a refused event")]
    NotRefused(String),
    /// No such dead letter, or it has been redriven.
    #[error("{0} is not an unresolved dead letter")]
    NotOpen(RecordPosition),
}

/// Parses the id of a dead letter as `flotilla redrive` prints it.
pub(crate) fn parse_position(text: &str) -> Result<RecordPosition, String> {
    let mut parts = text.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next(), parts.next(), parts.next());
    let parsed = || Some((topic?, partition?.parse().ok()?, offset?.parse().ok()?));
    match parsed() {
        Some((topic, partition, offset)) if !topic.is_empty() => {
            Ok(RecordPosition { topic: topic.to_owned(), partition, offset })
        }
        _ => Err("the id of a dead letter is topic/partition/offset".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_nothing_else_is_one() {
        let id = RecordPosition { topic: "harbour.crane".to_owned(), partition: 3, offset: 14 };
        assert_eq!(parse_position(&id.to_string()), Ok(id));
        for text in ["", "3/14", "/3/14", "harbour.crane/3", "harbour.crane/x/14", "harbour.crane/3/"] {
            assert!(parse_position(text).is_err(), "{text}");
        }
    }
}
