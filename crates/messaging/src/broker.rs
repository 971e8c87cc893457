//! The broker port. Its adapter for production is in [`crate::kafka`]; a simulation brings its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use events::Envelope;
use thiserror::Error;

use crate::Record;

/// Events to publish at the same time: at most one per key.
#[derive(Debug, Default)]
pub struct PublishBatch {
    /// In their order, each with its topic.
    pub events: Vec<(String, Envelope)>,
}

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// A later attempt may succeed: the event stays in the outbox.
    #[error("{0}")]
    Transient(String),
    /// The broker rejects this event each time: too large, invalid, or not allowed for this client.
    #[error("{0}")]
    Permanent(String),
}

impl PublishError {
    /// Whether a later attempt may succeed.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

/// Publishes events.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes all events of the batch. Returns one outcome per event, in their order: `Ok` once the event is replicated.
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>>;
}

/// The broker: publishes events, and delivers records to the members of consumer groups.
#[async_trait]
pub trait Broker: Publisher + 'static {
    /// Joins a consumer group, which shares these topics among its members and continues at its committed offsets.
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn GroupMember>, JoinError>;
}

/// A member of a consumer group.
#[async_trait]
pub trait GroupMember: Send + Sync {
    /// The next record; waits until there is one. Cancel-safe: no record is lost when the future is dropped.
    async fn next(&self) -> Result<Record, ReceiveError>;

    /// Stores the next offset to consume, by topic and partition: all records below it are processed. Stored offsets are
    /// committed at intervals, and when a partition is revoked.
    fn store_offsets(&self, next: BTreeMap<(String, i32), i64>);

    /// Commits the stored offsets and leaves the group.
    async fn leave(self: Box<Self>);
}

/// Why a group could not be joined.
#[derive(Debug, Clone, Error)]
#[error("{0}")]
pub struct JoinError(pub String);

/// Why there is no next record.
#[derive(Debug, Clone, Error)]
pub enum ReceiveError {
    /// The next call may succeed.
    #[error("{0}")]
    Transient(String),
    /// This member receives nothing more: the group must be joined again.
    #[error("{0}")]
    Fatal(String),
}

/// A broker to use instead of Kafka: for simulations.
#[derive(Clone, Default)]
pub struct BrokerOverride(pub Option<Arc<dyn Broker>>);

impl fmt::Debug for BrokerOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "another broker" } else { "Kafka" })
    }
}
