//! Domain events on the wire.
//!
//! An event is a [`CloudEvents 1.0`](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) message in
//! Kafka's binary mode: attributes are headers, the data is JSON, and the record's key is the correlation id of the
//! business case. Each context declares what it tells the world as one [`EventSet`].

mod envelope;
mod event_set;
mod trace;

pub use envelope::{Envelope, EnvelopeError};
pub use event_set::{DecodeError, EventSet, decode, encode};
pub use trace::TraceContext;
