//! Events between contexts: none is lost, and none is applied twice.
//!
//! **Outbound**: a context stages its events in the [`Outbox`] within the transaction that changes its state. After the
//! commit the relay publishes them, in order per key; one relay per store is active. **Inbound**: the consumer passes
//! batches of events to the [`EventHandler`] of the context. Inbox rows, state and resulting events are one transaction, and the
//! offsets are committed after it. A record that cannot be applied becomes a dead letter in the same transaction.

mod broker;
mod config;
mod inbound;
mod kafka;
mod operate;
mod outbound;
mod record;
mod start;
#[cfg(test)]
mod tests;
mod trace_links;

pub use broker::{Broker, BrokerOverride, GroupMember, JoinError, PublishBatch, PublishError, Publisher, ReceiveError};
pub use config::Config;
pub use inbound::batch::BatchOutcome;
pub use inbound::dead_letters::{DeadLetter, LetterEntry, REDRIVEN_FOR, Redriven};
pub use inbound::handler::{EventHandler, Received};
pub use kafka::security::{Mechanism, Protection, Security};
pub use operate::status::{ConsumerStatus, Status};
pub use outbound::outbox::{Argument, Outbox, StagedEvents};
pub use outbound::refused::RefusedEvent;
pub use record::{Record, RecordPosition};
pub use start::{MIGRATIONS, Messaging};

/// For programs that operate a fleet and belong to no context: reading topics, and sending dead letters again.
pub mod admin {
    pub use crate::config::without_context as config;
    pub use crate::operate::offsets::unfinished;
    pub use crate::operate::reader::{From, Reader};
    pub use crate::operate::redrive::{RedriveError, dead_letters, redrive, redriven_for, unresolved_letters};
    /// The error of the client library.
    pub use rdkafka::error::KafkaError;
}
