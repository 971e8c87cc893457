//! What the match context tells the world.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the match context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MatchEvent {
    /// A student has asked for a match, and has paid.
    MatchRequested(MatchRequested),
    /// The student has cancelled it.
    MatchCanceled(MatchCanceled),
}

/// A student has asked for a match, and has paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchRequested {
    /// The match.
    pub id: i64,
    /// Which attempt at this id it is: see [`Attempt`].
    pub attempt: Attempt,
    /// What the student pays.
    pub price: i64,
    /// Who the student is. Left out if that is not known: the fleet ran open then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student: Option<String>,
}

/// The student has cancelled the match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchCanceled {
    /// The match.
    pub id: i64,
    /// Which attempt at this id it is.
    pub attempt: Attempt,
}

/// Tells attempts at one match id apart; later attempts have greater numbers.
///
/// A request whose payment could not be learned is undone; the student may ask for the same id again. Events of both
/// attempts may then meet in any order: the greatest attempt counts, and what belongs to a lesser one is past.
pub type Attempt = i64;

impl EventSet for MatchEvent {
    const CONTEXT: &'static str = "match";
    const KINDS: &'static [&'static str] = &["MatchRequested", "MatchCanceled"];

    fn correlation_id(&self) -> i64 {
        match self {
            Self::MatchRequested(event) => event.id,
            Self::MatchCanceled(event) => event.id,
        }
    }
}

/// How far a match is: people see the furthest step that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The student has asked.
    MatchRequested,
    /// The payment is taken.
    PaymentApproved,
    /// A tutor will come.
    VisitAssigned,
    /// The student has cancelled.
    MatchCanceled,
    /// The payment is given back.
    PaymentCanceled,
    /// The tutor will not come.
    VisitCanceled,
}

impl Step {
    /// All, from the first to the furthest.
    pub const ALL: [Self; 6] = [
        Self::MatchRequested,
        Self::PaymentApproved,
        Self::VisitAssigned,
        Self::MatchCanceled,
        Self::PaymentCanceled,
        Self::VisitCanceled,
    ];

    /// Its name in JSON and in stores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatchRequested => "matchRequested",
            Self::PaymentApproved => "paymentApproved",
            Self::VisitAssigned => "visitAssigned",
            Self::MatchCanceled => "matchCanceled",
            Self::PaymentCanceled => "paymentCanceled",
            Self::VisitCanceled => "visitCanceled",
        }
    }

    /// The step of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }
}
