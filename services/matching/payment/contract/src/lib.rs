//! What the payment context tells the world.

use events::EventSet;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentApproved {
    /// The match that is paid.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub match_id: i64,
    /// The attempt at this match that is paid; greater numbers are later attempts.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
    /// The amount.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub price: i64,
}

/// The payment is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCanceled {
    /// The match that was paid.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub match_id: i64,
    /// The attempt at this match that was paid.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
    /// The amount.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub price: i64,
}
