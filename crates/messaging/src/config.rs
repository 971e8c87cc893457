use std::time::Duration;

use crate::{OtherBroker, Security};

/// How a context speaks to the broker.
#[derive(Debug, Clone, clap::Args)]
#[group(id = "messaging")]
pub struct Config {
    /// Where the broker is: host:port, several separated by commas
    #[arg(long, env = "KAFKA_BROKERS", default_value = "127.0.0.1:9092")]
    pub kafka_brokers: String,

    /// How connections to it are protected
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

    /// Events published at most before their acknowledgements are awaited
    #[arg(long, env = "OUTBOX_WAVE", default_value_t = 500, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    pub outbox_wave: i64,

    /// How long the relay gathers events before it publishes them: more of it is less work and later events
    #[arg(long, env = "OUTBOX_LINGER", default_value = "4ms", value_parser = humantime::parse_duration)]
    pub outbox_linger: Duration,

    /// Events taken at most in one transaction
    #[arg(long, env = "CONSUMER_BATCH", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub consumer_batch: u32,

    /// How long a consumer gathers events before it takes them: more of it is less work and later effects
    #[arg(long, env = "CONSUMER_LINGER", default_value = "4ms", value_parser = humantime::parse_duration)]
    pub consumer_linger: Duration,

    /// Attempts at an event that fails before it becomes a dead letter
    #[arg(long, env = "CONSUMER_ATTEMPTS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub consumer_attempts: u32,

    /// The pause before the second attempt; it doubles with each
    #[arg(long, env = "CONSUMER_BACKOFF", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub consumer_backoff: Duration,

    /// How often the offsets of finished events are committed; what a crash leaves uncommitted is delivered again and skipped
    #[arg(long, env = "CONSUMER_COMMIT_EVERY", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub consumer_commit_every: Duration,

    /// How long the broker waits for a consumer that fell silent before it gives its work to another
    #[arg(long, env = "CONSUMER_SESSION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub consumer_session: Duration,

    /// How long handled event ids are remembered; an event delivered again later is handled again
    #[arg(long, env = "INBOX_RETENTION", default_value = "7days", value_parser = humantime::parse_duration)]
    pub inbox_retention: Duration,

    /// Another broker than Kafka
    #[arg(skip)]
    pub broker: OtherBroker,
}

/// Kafka allows letters, digits, dots, dashes and underscores; the dot separates our parts.
fn fleet_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=100).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("1 to 100 letters, digits, dashes and underscores".to_owned())
}

impl Config {
    /// The topic on which `context` speaks.
    pub fn topic(&self, context: &str) -> String {
        format!("{}.{context}", self.fleet)
    }

    /// The topic of what `context` could not handle.
    pub fn dead_letter_topic(&self, context: &str) -> String {
        format!("{}.{context}.dead-letters", self.fleet)
    }
}
