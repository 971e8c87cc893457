//! The events of the coupon context.

use events::{EventSet, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the coupon context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "coupon", key = "order_id")]
pub enum CouponEvent {
    /// The coupon of a delivered order is valid, for the first time or again.
    CouponPublished(CouponPublished),
    /// The coupon is taken back.
    CouponRefunded(CouponRefunded),
}

/// The coupon of a delivered order is valid, for the first time or again.
#[event]
pub struct CouponPublished {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of this change of the coupon. A later change has a greater number.
    pub version: i64,
}

/// The coupon is taken back.
#[event]
pub struct CouponRefunded {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of this change of the coupon. A later change has a greater number.
    pub version: i64,
}
