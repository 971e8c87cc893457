//! The coupon of a delivered order.
//!
//! It is published when the order is delivered, and taken back while the order is refunded, and for good if the order is
//! cancelled. The latest refund counts: [`LatestRefund`].

use ambient::Timestamp;
use coupon_contract::{CouponEvent, CouponPublished, CouponRefunded};
use delivery_contract::Delivered;
use events::{Inbound, Names, Projection};
use pizza_order_contract::OrderCanceled;
use refund_contract::{LatestRefund, RefundCanceled, RefundStep, Refunded};

/// What the coupon context knows of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// The order.
    pub order_id: i64,
    /// The latest attempt that is known; 0 before the first event.
    pub attempt: i64,
    /// Whether the order is delivered. Without that there is no coupon.
    pub is_delivered: bool,
    /// Whether the order is cancelled, which may happen while it is handed over.
    pub is_canceled: bool,
    /// The latest refund, if there is any.
    pub refund: Option<LatestRefund>,
    /// The status that was published last.
    pub status: Option<Status>,
    /// The number of published changes.
    pub version: i64,
    /// The customer. `None`: authentication was disabled, or the order is not delivered.
    pub customer: Option<String>,
}

/// The status of a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum Status {
    /// It is valid.
    Published,
    /// It is taken back.
    CouponRefunded,
}

/// The events of other contexts that decide about a coupon.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum CouponCause {
    /// The order is delivered.
    Delivered(Delivered),
    /// The order is cancelled.
    OrderCanceled(OrderCanceled),
    /// The order is refunded.
    Refunded(Refunded),
    /// A refund is cancelled.
    RefundCanceled(RefundCanceled),
}

/// A coupon ends the same in whatever order its events arrive.
impl Projection for Coupon {
    type Event = CouponCause;
    type Emits = CouponEvent;

    fn begin(order_id: i64, attempt: i64) -> Self {
        let (is_delivered, is_canceled) = (false, false);
        let (refund, status, customer) = (None, None, None);
        Self { order_id, attempt, is_delivered, is_canceled, refund, status, version: 0, customer }
    }

    fn epoch(&self) -> i64 {
        self.attempt
    }

    fn apply(&mut self, event: &CouponCause, _at: Timestamp) -> Option<CouponEvent> {
        match event {
            CouponCause::Delivered(event) => {
                self.is_delivered = true;
                self.customer.clone_from(&event.customer);
            }
            CouponCause::OrderCanceled(_) => self.is_canceled = true,
            CouponCause::Refunded(event) => self.know(event.refund, RefundStep::Refunded),
            CouponCause::RefundCanceled(event) => self.know(event.refund, RefundStep::RefundCanceled),
        }
        self.publish_change()
    }
}

impl Coupon {
    fn know(&mut self, number: i64, step: RefundStep) {
        self.refund = self.refund.max(Some(LatestRefund { number, step }));
    }

    /// The status that follows from what is known.
    fn due(&self) -> Option<Status> {
        let is_taken_back = self.is_canceled || self.refund.is_some_and(LatestRefund::is_effective);
        self.is_delivered.then_some(if is_taken_back { Status::CouponRefunded } else { Status::Published })
    }

    fn publish_change(&mut self) -> Option<CouponEvent> {
        let due = self.due().filter(|due| self.status != Some(*due))?;
        self.status = Some(due);
        self.version += 1;
        let (order_id, attempt, version) = (self.order_id, self.attempt, self.version);
        Some(match due {
            Status::Published => CouponPublished { order_id, attempt, version }.into(),
            Status::CouponRefunded => CouponRefunded { order_id, attempt, version }.into(),
        })
    }
}
