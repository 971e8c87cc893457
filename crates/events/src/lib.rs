//! Domain events on the wire.
//!
//! An event is a [`CloudEvents 1.0`](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) message in
//! Kafka's binary mode: attributes are headers, the data is JSON, and the key of the record is the correlation id of
//! the business case. Each context declares the events that it publishes as one [`EventSet`].

// The derives name the crate by its path.
extern crate self as events;

mod aggregate;
mod decision;
mod envelope;
mod event_set;
mod excerpt;
pub mod fields;
mod inbound;
mod key;
mod projection;
mod trace_context;

pub use aggregate::{Aggregate, react};
pub use decision::{Decision, Offer, next_epoch};
pub use envelope::{Envelope, EnvelopeError, MAX_ID_LENGTH};
pub use event_set::{DecodeError, Event, EventSet, Never, decode, encode};
pub use excerpt::{EXCERPT, excerpt, is_terminal_control, shown};
pub use inbound::Inbound;
pub use key::Key;
pub use projection::{Projection, apply};
pub use trace_context::TraceContext;

pub use events_derive::{EventSet, Inbound, Names, event};
