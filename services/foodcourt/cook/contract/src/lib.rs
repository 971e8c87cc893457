//! The events of the cook context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the cook context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "cook", key = "order_id")]
pub enum CookEvent {
    /// The kitchen has taken the order.
    CookStarted(CookStarted),
    /// The order is finished.
    Cooked(Cooked),
}

/// The kitchen has taken the order: it cannot be cancelled any more.
#[event]
pub struct CookStarted {
    /// The order.
    pub order_id: i64,
    /// The shop.
    pub shop_id: i64,
}

/// The order is finished.
#[event]
pub struct Cooked {
    /// The order.
    pub order_id: i64,
    /// The shop.
    pub shop_id: i64,
}
