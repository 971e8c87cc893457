//! The events of the cleanassign context.

use events::{EventSet, Names, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the cleanassign context. Its correlation id is the id of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "cleanassign", key = "call_id")]
pub enum CleanAssignEvent {
    /// A cleaner is assigned to a call.
    CleanerAssigned(CleanerAssigned),
    /// The assignment is cancelled, and the cleaner is free.
    AssignmentCanceled(AssignmentCanceled),
    /// The work is done, and the cleaner is free.
    AssignmentFinished(AssignmentFinished),
}

/// A cleaner is assigned to a call.
#[event]
pub struct CleanerAssigned {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
    /// The cleaner.
    pub cleaner_id: i64,
    /// The name of the cleaner.
    pub cleaner: String,
}

/// The assignment is cancelled, and the cleaner is free.
#[event]
pub struct AssignmentCanceled {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
    /// The cleaner.
    pub cleaner_id: i64,
    /// The name of the cleaner.
    pub cleaner: String,
}

/// The work is done, and the cleaner is free.
#[event]
pub struct AssignmentFinished {
    /// The call.
    pub call_id: i64,
    /// The attempt at this call. Later attempts have greater numbers.
    pub attempt: i64,
    /// The cleaner.
    pub cleaner_id: i64,
    /// The name of the cleaner.
    pub cleaner: String,
}

/// How far the assignment of a call is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum Progress {
    /// No cleaner is assigned.
    #[default]
    Waiting,
    /// A cleaner is assigned.
    Assigned,
    /// The work is done.
    Finished,
    /// The assignment is cancelled.
    Canceled,
}

/// The assignment of a call, as its events state it: the furthest progress counts, in whatever order they arrive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// How far it is.
    pub progress: Progress,
    /// The name of the cleaner, once there was one.
    pub cleaner: Option<String>,
}

/// The status of a call, as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum Status {
    /// No cleaner is assigned yet.
    Calling,
    /// A cleaner is assigned.
    Confirmed,
    /// The work is done.
    Finished,
    /// The call is cancelled.
    Canceled,
}

impl Assignment {
    /// The status of its call. A call that was cancelled stays so.
    pub const fn status(&self, is_canceled: bool) -> Status {
        match self.progress {
            _ if is_canceled => Status::Canceled,
            Progress::Waiting => Status::Calling,
            Progress::Assigned => Status::Confirmed,
            Progress::Finished => Status::Finished,
            Progress::Canceled => Status::Canceled,
        }
    }

    /// An event states this progress.
    pub fn advance(&mut self, progress: Progress, cleaner: &str) {
        self.progress = self.progress.max(progress);
        self.cleaner = Some(cleaner.to_owned());
    }
}

impl Status {
    /// The text for people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Calling => "호출중",
            Self::Confirmed => "호출확정",
            Self::Finished => "청소완료",
            Self::Canceled => "호출취소",
        }
    }
}
