use crate::{DecodeError, Envelope, Key};

/// The events that a context consumes: an enum with one variant per event type. Derived.
///
/// Events that are not listed are not decoded: what they contain does not matter.
pub trait Inbound: Clone + Send + Sync + Sized + 'static {
    /// The type of the key.
    type Key: Key;

    /// The context of each variant. A context may be listed more than once.
    const CONTEXTS: &'static [&'static str];

    /// Decodes an event. `None` if it is not listed. Fails if its data violates its schema.
    fn decode(envelope: &Envelope) -> Result<Option<Self>, DecodeError>;

    /// The business case that the event belongs to in the consuming context.
    fn key(&self) -> Self::Key;

    /// The epoch of the business case, such as an attempt: a later one supersedes all earlier ones.
    fn epoch(&self) -> i64;
}
