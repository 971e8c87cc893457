//! The events of the payment context.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the payment context. Its correlation id is the id of the reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "payment", key = "reservation_id")]
pub enum PaymentEvent {
    /// The payment is taken.
    PaymentApproved(PaymentApproved),
    /// The payment is paid back.
    PaymentCancelled(PaymentCancelled),
}

/// The payment is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentApproved {
    /// The reservation.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub hold: i64,
    /// The amount.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub price: i64,
}

/// The payment is paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentCancelled {
    /// The reservation.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub attempt: i64,
    /// The room.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub hold: i64,
    /// The amount.
    #[serde(with = "events::fields::number")]
    #[schemars(schema_with = "events::fields::number::schema")]
    pub price: i64,
}
