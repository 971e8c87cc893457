//! The events of the refund context.

use events::{EventSet, Names, event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An event of the refund context. Its correlation id is the id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "refund", key = "order_id")]
pub enum RefundEvent {
    /// The order is refunded: delivery has agreed, and the return is under way.
    Refunded(Refunded),
    /// The return has arrived: the price is paid back.
    RefundCompleted(RefundCompleted),
    /// The return is cancelled, and the refund with it.
    RefundCanceled(RefundCanceled),
}

/// The order is refunded: delivery has agreed, and the return is under way.
#[event]
pub struct Refunded {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
    /// The reason that the customer has given.
    #[field(long_text)]
    pub reason: String,
}

/// The return has arrived: the price is paid back.
#[event]
pub struct RefundCompleted {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
}

/// The return is cancelled, and the refund with it.
#[event]
pub struct RefundCanceled {
    /// The order.
    pub order_id: i64,
    /// The attempt at this order. Later attempts have greater numbers.
    pub attempt: i64,
    /// The number of the refund. A later refund of the same order has a greater number.
    pub refund: i64,
}

/// How far a refund is. Of the last two, a refund has at most one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum RefundStep {
    /// Delivery has agreed, and the return is under way.
    Refunded,
    /// The return has arrived.
    Returned,
    /// The return is cancelled, and the refund with it.
    RefundCanceled,
}

/// What is known of the refunds of an order: the latest one, and its furthest step. The greater one of two is the later one,
/// so the order in which events arrive does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatestRefund {
    /// The number of the refund.
    pub number: i64,
    /// Its furthest step.
    pub step: RefundStep,
}

impl LatestRefund {
    /// The number and the name of the step, as contexts store them: 0 and empty for none.
    pub fn to_columns(latest: Option<Self>) -> (i64, String) {
        latest.map_or_else(Default::default, |latest| (latest.number, latest.step.name().to_owned()))
    }

    /// The refund of these columns.
    pub fn from_columns(number: i64, step: &str) -> Option<Self> {
        RefundStep::named(step).map(|step| Self { number, step })
    }

    /// Whether the order is under refund or returned: the coupon is not valid.
    pub fn is_effective(self) -> bool {
        self.step != RefundStep::RefundCanceled
    }
}
