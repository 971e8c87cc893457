//! The events of the order context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the order context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "order", key = "order_id")]
pub enum OrderEvent {
    /// Pizzas are ordered and paid.
    Ordered(Ordered),
    /// The customer has cancelled the order.
    OrderCanceled(OrderCanceled),
}

/// Pizzas are ordered and paid.
#[event]
pub struct Ordered {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The kind of pizza.
    pub pizza_id: i64,
    /// The number of pizzas.
    pub qty: i64,
    /// The price of all of them.
    pub price: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// The customer has cancelled the order.
#[event]
pub struct OrderCanceled {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
}
