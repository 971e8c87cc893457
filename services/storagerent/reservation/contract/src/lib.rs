//! The events of the reservation context.

use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the reservation context. Its correlation id is the id of the reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "reservation", key = "reservation_id")]
pub enum ReservationEvent {
    /// A room is held and paid for.
    ReservationCreated(ReservationCreated),
    /// The reservation is confirmed.
    ReservationConfirmed(ReservationConfirmed),
    /// The customer has requested the cancellation.
    ReservationCancelRequested(ReservationCancelRequested),
    /// The reservation is cancelled, and its payment is paid back.
    ReservationCancelled(ReservationCancelled),
}

/// A room is held and paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationCreated {
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
    /// The id of the customer: the owner. Absent if authentication is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_text")]
    #[schemars(schema_with = "events::fields::optional_text::schema")]
    pub customer: Option<String>,
}

/// The reservation is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationConfirmed {
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
    /// The id of the customer: the owner. Absent if authentication is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_text")]
    #[schemars(schema_with = "events::fields::optional_text::schema")]
    pub customer: Option<String>,
}

/// The customer has requested the cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationCancelRequested {
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
}

/// The reservation is cancelled, and its payment is paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationCancelled {
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
    /// The id of the customer: the owner. Absent if authentication is disabled.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "events::fields::optional_text")]
    #[schemars(schema_with = "events::fields::optional_text::schema")]
    pub customer: Option<String>,
}
