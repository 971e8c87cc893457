//! The events of the reservation context.

use events::{EventSet, event};
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
#[event]
pub struct ReservationCreated {
    /// The reservation.
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    pub attempt: i64,
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
    /// The amount.
    pub price: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// The reservation is confirmed.
#[event]
pub struct ReservationConfirmed {
    /// The reservation.
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    pub attempt: i64,
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// The customer has requested the cancellation.
#[event]
pub struct ReservationCancelRequested {
    /// The reservation.
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    pub attempt: i64,
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
}

/// The reservation is cancelled, and its payment is paid back.
#[event]
pub struct ReservationCancelled {
    /// The reservation.
    pub reservation_id: i64,
    /// The attempt at this reservation. Later attempts have greater numbers.
    pub attempt: i64,
    /// The room.
    pub storage_id: i64,
    /// The number of the hold. The room counts its holds: a later one has a greater number.
    pub hold: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}
