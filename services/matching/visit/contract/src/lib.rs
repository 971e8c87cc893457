//! What the visit context publishes.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the visit context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "visit", key = "match_id")]
pub enum VisitEvent {
    /// A tutor will come.
    VisitAssigned(VisitAssigned),
    /// The tutor will not come.
    VisitCanceled(VisitCanceled),
}

/// A tutor will come.
#[event]
pub struct VisitAssigned {
    /// The match that the visit is for.
    pub match_id: i64,
    /// The attempt at this match; greater numbers are later attempts.
    pub attempt: i64,
    /// The tutor's name.
    pub teacher: String,
    /// The day, such as `2021-01-21`.
    #[field(date)]
    pub visit_date: String,
    /// The id of the tutor: the owner of the visit. Absent if authentication is disabled.
    pub tutor: Option<String>,
}

/// The tutor will not come.
#[event]
pub struct VisitCanceled {
    /// The match that the visit was for.
    pub match_id: i64,
    /// The attempt at this match.
    pub attempt: i64,
}
