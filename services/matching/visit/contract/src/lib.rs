//! What the visit context tells the world.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the visit context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VisitEvent {
    /// A tutor will come.
    VisitAssigned(VisitAssigned),
    /// The tutor will not come.
    VisitCanceled(VisitCanceled),
}

/// A tutor will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitAssigned {
    /// The match that the visit is for.
    pub match_id: i64,
    /// The attempt at this match; greater numbers are later attempts.
    pub attempt: i64,
    /// The tutor's name.
    pub teacher: String,
    /// The day, such as `2021-01-21`.
    pub visit_date: String,
}

/// The tutor will not come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitCanceled {
    /// The match that the visit was for.
    pub match_id: i64,
    /// The attempt at this match.
    pub attempt: i64,
}

impl EventSet for VisitEvent {
    const CONTEXT: &'static str = "visit";
    const KINDS: &'static [&'static str] = &["VisitAssigned", "VisitCanceled"];

    fn correlation_id(&self) -> i64 {
        match self {
            Self::VisitAssigned(event) => event.match_id,
            Self::VisitCanceled(event) => event.match_id,
        }
    }
}
