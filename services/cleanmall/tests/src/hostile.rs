//! Readers of the formats that only this fleet has, for hostile input: see the crate `hostile`.

use cleanassign_contract::CleanAssignEvent;
use cleancall_contract::CleanCallEvent;
use cleanmanage_contract::CleanManageEvent;
use hostile::{Reader, events};

/// The readers, by the name of their folder in `corpus`.
pub const READERS: [Reader; 1] = [("events", context_events)];

/// A record as an event of each context.
///
/// # Panics
///
/// If an accepted event is not encoded again as the same event.
pub fn context_events(bytes: &[u8]) {
    events::<CleanCallEvent>(bytes);
    events::<CleanManageEvent>(bytes);
    events::<CleanAssignEvent>(bytes);
}
