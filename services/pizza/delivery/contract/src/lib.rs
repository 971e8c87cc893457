//! The events of the delivery context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the delivery context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "delivery", key = "order_id")]
pub enum DeliveryEvent {
    /// The order is paid, and its delivery has started.
    DeliveryStarted(DeliveryStarted),
    /// The delivery is stopped, since its order is cancelled.
    DeliveryCanceled(DeliveryCanceled),
    /// The pizza has arrived.
    Delivered(Delivered),
    /// Delivery has agreed to a refund: the return begins.
    DeliveryRefunded(DeliveryRefunded),
    /// The return has arrived.
    DeliveryReturned(DeliveryReturned),
    /// The return is cancelled: the customer keeps the pizza.
    RefundDeliveryCanceled(RefundDeliveryCanceled),
}

/// The order is paid, and its delivery has started.
#[event]
pub struct DeliveryStarted {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
}

/// The delivery is stopped, since its order is cancelled.
#[event]
pub struct DeliveryCanceled {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
}

/// The pizza has arrived.
#[event]
pub struct Delivered {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// Delivery has agreed to a refund: the return begins.
#[event]
pub struct DeliveryRefunded {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
}

/// The return has arrived.
#[event]
pub struct DeliveryReturned {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
}

/// The return is cancelled: the customer keeps the pizza.
#[event]
pub struct RefundDeliveryCanceled {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
}
