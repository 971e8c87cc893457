//! Readers of the formats that only this fleet has, for hostile input: see the crate `hostile`.

use hostile::{Reader, events};
use reservation_contract::ReservationEvent;
use storage_contract::StorageEvent;
use storagerent_payment_contract::PaymentEvent;

/// The readers, by the name of their folder in `corpus`.
pub const READERS: [Reader; 1] = [("events", context_events)];

/// A record as an event of each context.
///
/// # Panics
///
/// If an accepted event is not encoded again as the same event.
pub fn context_events(bytes: &[u8]) {
    events::<ReservationEvent>(bytes);
    events::<PaymentEvent>(bytes);
    events::<StorageEvent>(bytes);
}
