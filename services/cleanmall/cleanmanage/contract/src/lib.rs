//! The events of the cleanmanage context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the cleanmanage context. Its correlation id is the id of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "cleanmanage", key = "call_id")]
pub enum CleanManageEvent {
    /// The management has accepted a call.
    CleanManaged(CleanManaged),
    /// A call that was accepted is cancelled.
    CleanManageCanceled(CleanManageCanceled),
}

/// The management has accepted a call.
#[event]
pub struct CleanManaged {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
    /// The place. Absent: any place.
    pub location: Option<String>,
}

/// A call that was accepted is cancelled.
#[event]
pub struct CleanManageCanceled {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
}
