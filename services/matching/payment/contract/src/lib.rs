//! What the payment context publishes.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the payment context. Its correlation id is the match id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "payment", key = "match_id")]
pub enum PaymentEvent {
    /// The payment is taken.
    PaymentApproved(PaymentApproved),
    /// The payment is given back.
    PaymentCanceled(PaymentCanceled),
}

/// The payment is taken.
#[event]
pub struct PaymentApproved {
    /// The match that is paid.
    pub match_id: i64,
    /// The attempt at this match that is paid; greater numbers are later attempts.
    pub attempt: i64,
    /// The amount.
    pub price: i64,
}

/// The payment is given back.
#[event]
pub struct PaymentCanceled {
    /// The match that was paid.
    pub match_id: i64,
    /// The attempt at this match that was paid.
    pub attempt: i64,
    /// The amount.
    pub price: i64,
}
