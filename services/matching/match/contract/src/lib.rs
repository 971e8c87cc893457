//! The events that the match context publishes.

use events::{EventSet, Names, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the match context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "match", key = "id")]
pub enum MatchEvent {
    /// A student has asked for a match, and has paid.
    MatchRequested(MatchRequested),
    /// The student has cancelled it.
    MatchCanceled(MatchCanceled),
}

/// A student has asked for a match, and has paid.
#[event]
pub struct MatchRequested {
    /// The match.
    pub id: i64,
    /// Which attempt at this id it is: see [`Attempt`].
    pub attempt: i64,
    /// What the student pays.
    pub price: i64,
    /// Who the student is. Left out if that is not known: the fleet ran open then.
    pub student: Option<String>,
}

/// The student has cancelled the match.
#[event]
pub struct MatchCanceled {
    /// The match.
    pub id: i64,
    /// Which attempt at this id it is.
    pub attempt: i64,
}

/// The number of an attempt at a match id.
///
/// A request whose payment is unknown is compensated, and the student may request the same id again. Events of both attempts
/// may arrive in any order: the greatest number counts.
pub type Attempt = i64;

/// How far a match is: clients see the furthest step that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Names)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The student has requested it.
    MatchRequested,
    /// The payment is taken.
    PaymentApproved,
    /// A tutor will come.
    VisitAssigned,
    /// The student has cancelled.
    MatchCanceled,
    /// The payment is paid back.
    PaymentCanceled,
    /// The tutor will not come.
    VisitCanceled,
}
