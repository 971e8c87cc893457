use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

use crate::{Publisher, Record};

/// The broker, as a context speaks and listens to it. It is Kafka; in a simulation a log in memory.
#[async_trait]
pub trait Broker: Publisher + 'static {
    /// Joins `group` to share these topics with its other members, from where the group has come to.
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn Membership>, JoinError>;
}

/// A consumer as a member of its group.
#[async_trait]
pub trait Membership: Send + Sync {
    /// The next record, whenever it comes. Who gives up waiting loses none.
    async fn next(&self) -> Result<Record, ListenError>;

    /// Marks all below these offsets, by topic and partition, as finished. They are committed from time to time, and
    /// when a partition is given away.
    fn finish(&self, ends: BTreeMap<(String, i32), i64>);

    /// Leaves the group; what is finished is committed.
    async fn leave(self: Box<Self>);
}

/// Why a group could not be joined.
#[derive(Debug, Clone, Error)]
#[error("{0}")]
pub struct JoinError(pub String);

/// Why there is no next record.
#[derive(Debug, Clone, Error)]
pub enum ListenError {
    /// It may pass.
    #[error("{0}")]
    Passing(String),
    /// It does not pass: only a new member gets on.
    #[error("{0}")]
    Over(String),
}

/// Another broker than Kafka: for simulations.
#[derive(Clone, Default)]
pub struct OtherBroker(pub Option<Arc<dyn Broker>>);

impl fmt::Debug for OtherBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "another broker" } else { "Kafka" })
    }
}
