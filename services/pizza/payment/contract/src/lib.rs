//! The events of the payment context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the payment context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "payment", key = "order_id")]
pub enum PaymentEvent {
    /// The payment is taken.
    PaymentApproved(PaymentApproved),
    /// The payment is paid back.
    PaymentCanceled(PaymentCanceled),
}

/// The payment is taken.
#[event]
pub struct PaymentApproved {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The amount.
    pub price: i64,
}

/// The payment is paid back.
#[event]
pub struct PaymentCanceled {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The amount.
    pub price: i64,
}
