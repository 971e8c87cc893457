//! The events of the payment context.

use events::{EventSet, event};
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
#[event]
pub struct PaymentApproved {
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
}

/// The payment is paid back.
#[event]
pub struct PaymentCancelled {
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
}
