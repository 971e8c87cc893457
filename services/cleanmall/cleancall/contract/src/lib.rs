//! The events of the cleancall context. None of them has the telephone number: it is personal.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the cleancall context. Its correlation id is the id of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "cleancall", key = "call_id")]
pub enum CleanCallEvent {
    /// A call for a cleaner is taken.
    CleanCalled(CleanCalled),
    /// The customer has cancelled the call.
    CleanCallCanceled(CleanCallCanceled),
}

/// A call for a cleaner is taken.
#[event]
pub struct CleanCalled {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
    /// The place. Absent: any place.
    pub location: Option<String>,
    /// The price. Absent: it is agreed on site.
    pub cost: Option<i64>,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// The customer has cancelled the call.
#[event]
pub struct CleanCallCanceled {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
}
