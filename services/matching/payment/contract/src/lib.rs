//! What the payment context tells the world.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the payment context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PaymentEvent {
    /// The payment is taken.
    PaymentApproved(PaymentApproved),
    /// The payment is given back.
    PaymentCanceled(PaymentCanceled),
}

/// The payment is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentApproved {
    /// The match that is paid.
    pub match_id: i64,
    /// The attempt at this match that is paid; greater numbers are later attempts.
    pub attempt: i64,
    /// How much.
    pub price: i64,
}

/// The payment is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCanceled {
    /// The match that was paid.
    pub match_id: i64,
    /// The attempt at this match that was paid.
    pub attempt: i64,
    /// How much.
    pub price: i64,
}

impl EventSet for PaymentEvent {
    const CONTEXT: &'static str = "payment";
    const KINDS: &'static [&'static str] = &["PaymentApproved", "PaymentCanceled"];

    fn correlation_id(&self) -> i64 {
        match self {
            Self::PaymentApproved(event) => event.match_id,
            Self::PaymentCanceled(event) => event.match_id,
        }
    }
}
