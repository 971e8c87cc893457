//! Events between contexts, without losing one and without doing one twice.
//!
//! **Out**: a context writes its events into the [`Outbox`] in the transaction that changes its state; the relay
//! publishes them after the commit, in order per key, one relay at a time. **In**: a [`Policies`] consumer takes a batch
//! of events; inbox rows, state and its own events are one transaction, the offset comes after it. What cannot be
//! handled becomes a dead letter, written in the same way.

mod admission;
mod batch;
mod broker;
mod config;
mod consumer;
mod dead_letters;
mod follow;
mod inbox;
mod kafka;
mod member;
mod messaging;
mod outbox;
mod policies;
mod producer;
mod record;
mod relay;
mod routes;
mod security;
mod status;
#[cfg(test)]
mod tests;

pub mod admin;

pub use batch::Taken;
pub use broker::{Broker, JoinError, ListenError, Membership, OtherBroker};
pub use config::Config;
pub use dead_letters::{DeadLetter, LetterEntry, REDRIVEN_FOR, Redriven};
pub use messaging::{MIGRATIONS, Messaging};
pub use outbox::{Argument, Outbox, Saying};
pub use policies::{Policies, Received};
pub use record::{Place, Record};
pub use relay::{PublishError, Publisher, Wave};
pub use security::{Mechanism, Protection, Security};
pub use status::{ConsumerStatus, Status};
