use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};

use crate::{BrokerOverride, Security};

/// The settings of a context for its outbox, its consumer and the broker.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "messaging")]
pub struct Config {
    /// Addresses of the brokers: host:port, separated by commas
    #[arg(long, env = "KAFKA_BROKERS", default_value = "127.0.0.1:9092")]
    pub kafka_brokers: String,

    /// Encryption and authentication of the connections
    #[command(flatten)]
    pub security: Security,

    /// The fleet: topics are named FLEET.context, consumer groups FLEET.context.generation
    #[arg(long, env = "FLEET", default_value = "flotilla", value_parser = fleet_name)]
    pub fleet: String,

    /// Partitions of a topic that this process creates
    #[arg(long, env = "TOPIC_PARTITIONS", default_value_t = 6, value_parser = clap::value_parser!(i32).range(1..=1000))]
    pub topic_partitions: i32,

    /// Copies of a topic that this process creates
    #[arg(long, env = "TOPIC_REPLICATION", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10))]
    pub topic_replication: i32,

    /// Maximum bytes of a message: not more than the broker accepts (its message.max.bytes, a topic's max.message.bytes)
    #[arg(long, env = "KAFKA_MESSAGE_BYTES", default_value_t = 1_000_000,
          value_parser = clap::value_parser!(u32).range(64 * 1024..=1_000_000_000))]
    pub kafka_message_bytes: u32,

    /// Maximum bytes of a dead letter; of a longer record it has the position and the beginning
    #[arg(long, env = "DEAD_LETTER_BYTES", default_value_t = 64 * 1024,
          value_parser = clap::value_parser!(u32).range(8 * 1024..=1_000_000_000))]
    pub dead_letter_bytes: u32,

    /// Maximum events in flight to the broker at the same time
    #[arg(long, alias = "outbox-wave", env = "OUTBOX_BATCH", default_value_t = 500, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub outbox_batch: i64,

    /// Maximum bytes of events read and in flight at the same time; a larger event is published alone
    #[arg(long, alias = "outbox-wave-bytes", env = "OUTBOX_BATCH_BYTES", default_value_t = 4 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(64 * 1024..=1024 * 1024 * 1024))]
    pub outbox_batch_bytes: u32,

    /// How long the relay waits for more events before it publishes: longer means larger batches and later events
    #[arg(long, env = "OUTBOX_LINGER", default_value = "4ms", value_parser = humantime::parse_duration)]
    pub outbox_linger: Duration,

    /// Maximum events applied in one transaction
    #[arg(long, env = "CONSUMER_BATCH", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub consumer_batch: u32,

    /// How long the consumer waits for more events before it applies them: longer means larger batches and later effects
    #[arg(long, env = "CONSUMER_LINGER", default_value = "4ms", value_parser = humantime::parse_duration)]
    pub consumer_linger: Duration,

    /// Maximum bytes of the events applied in one transaction; the last event may exceed it
    #[arg(long, env = "CONSUMER_BATCH_BYTES", default_value_t = 16 * 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..))]
    pub consumer_batch_bytes: u64,

    /// How long the consumer works on one batch, up to 1m; the remainder is processed with the next batch
    #[arg(long, env = "CONSUMER_BATCH_TIME", default_value = "10s", value_parser = batch_time)]
    pub consumer_batch_time: Duration,

    /// The pause before the second attempt while the store is unavailable; it doubles with each attempt
    #[arg(long, env = "CONSUMER_BACKOFF", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub consumer_backoff: Duration,

    /// How often the offsets of processed events are committed; after a crash, uncommitted events are delivered again and skipped
    #[arg(long, env = "CONSUMER_COMMIT_EVERY", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub consumer_commit_every: Duration,

    /// How long the broker waits for a heartbeat of a consumer before it assigns the partitions to another one
    #[arg(long, env = "CONSUMER_SESSION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub consumer_session: Duration,

    /// How long the ids of applied events are kept; an event delivered again after that is applied again
    #[arg(long, env = "INBOX_RETENTION", default_value = "7days", value_parser = humantime::parse_duration)]
    pub inbox_retention: Duration,

    /// A broker to use instead of Kafka
    #[arg(skip)]
    pub broker: BrokerOverride,
}

/// Kafka allows letters, digits, dots, dashes and underscores in names of topics; the dot separates fleet and context.
fn fleet_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("1 to 100 letters, digits, dashes and underscores".to_owned())
}

/// Bytes reserved in a message for headers, key and protocol.
const MESSAGE_OVERHEAD: u32 = 8 * 1024;

/// Parses 1ms to 1m: a consumer that does not poll for five minutes is removed from its group.
fn batch_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(1)..=Duration::from_mins(1);
    if allowed.contains(&time) { Ok(time) } else { Err("1ms to 1m".to_owned()) }
}

/// A record that is sent again may have any size that the broker accepts.
const ANY_SIZE: &str = "1000000000";

/// The settings of a program that belongs to no context: this broker and this fleet, otherwise the defaults. Ignores the
/// environment.
///
/// # Errors
///
/// If `fleet` is no valid name.
pub fn without_context(brokers: &str, security: &Security, fleet: &str) -> Result<Config, clap::Error> {
    let command = Config::augment_args(clap::Command::new("fleet")).mut_args(|arg| arg.env(None));
    let arguments = ["fleet", "--kafka-brokers", brokers, "--fleet", fleet, "--kafka-message-bytes", ANY_SIZE];
    let matches = command.try_get_matches_from(arguments)?;
    Ok(Config { security: security.clone(), ..Config::from_arg_matches(&matches)? })
}

impl Config {
    /// Maximum bytes of the data of an event.
    pub(crate) const fn max_data_bytes(&self) -> usize {
        self.kafka_message_bytes.saturating_sub(MESSAGE_OVERHEAD) as usize
    }

    /// Maximum bytes of a dead letter.
    pub(crate) fn max_letter_bytes(&self) -> usize {
        self.max_data_bytes().min(self.dead_letter_bytes as usize)
    }

    /// The topic of the events of `context`.
    pub fn topic(&self, context: &str) -> String {
        format!("{}.{context}", self.fleet)
    }

    /// The topic of the dead letters of `context`.
    pub fn dead_letter_topic(&self, context: &str) -> String {
        format!("{}.{context}.dead-letters", self.fleet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_context_uses_the_names_of_topics_that_the_contexts_use() {
        let config = without_context("k1:9092,k2:9092", &Security::default(), "harbour").unwrap();
        assert_eq!((config.kafka_brokers.as_str(), config.fleet.as_str()), ("k1:9092,k2:9092", "harbour"));
        assert_eq!(config.dead_letter_topic("crane"), "harbour.crane.dead-letters");
        assert!(without_context("k:1", &Security::default(), "har bour").is_err());
    }
}
