//! The events of the order context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the order context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "order", key = "order_id")]
pub enum OrderEvent {
    /// A customer has ordered a dish.
    Ordered(Ordered),
    /// The order is cancelled: the kitchen has agreed, and has dropped it.
    Canceled(Canceled),
}

/// A customer has ordered a dish.
#[event]
pub struct Ordered {
    /// The order.
    pub order_id: i64,
    /// The shop.
    pub shop_id: i64,
    /// The dish, in the menu of the shop.
    pub menu_id: i64,
    /// How many of it.
    pub qty: i64,
    /// The price of one, at the time of the order.
    pub price: i64,
    /// The id of the customer: the owner. Absent if authentication is disabled.
    pub customer: Option<String>,
}

/// The order is cancelled: the kitchen has agreed, and has dropped it.
#[event]
pub struct Canceled {
    /// The order.
    pub order_id: i64,
    /// The shop.
    pub shop_id: i64,
}
