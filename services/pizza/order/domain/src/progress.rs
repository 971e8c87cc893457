//! What an order knows of its payment, its delivery, its refunds and its coupon.

use coupon_contract::{CouponPublished, CouponRefunded};
use delivery_contract::{Delivered, DeliveryCanceled, DeliveryStarted};
use events::{Inbound, Names};
use pizza_payment_contract::{PaymentApproved, PaymentCanceled};
use refund_contract::{LatestRefund, RefundCanceled, RefundStep, Refunded};

/// What is known of an order since it was requested. The furthest state of each part counts, so order and repetition of the
/// events do not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The payment.
    pub payment: Option<PaymentState>,
    /// The delivery.
    pub delivery: Option<DeliveryState>,
    /// Whether the customer has cancelled it.
    pub is_canceled: bool,
    /// The latest refund.
    pub refund: Option<LatestRefund>,
    /// The latest change of the coupon.
    pub coupon: Option<CouponChange>,
}

/// The state of the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum PaymentState {
    /// The money is taken.
    Approved,
    /// The money is paid back.
    Canceled,
}

/// The state of the delivery, as far as the order needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum DeliveryState {
    /// It is under way.
    Started,
    /// It is stopped.
    Canceled,
    /// It has arrived.
    Delivered,
}

/// The latest change of the coupon. The greater one of two is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CouponChange {
    /// The number of the change.
    pub version: i64,
    /// The state.
    pub state: CouponState,
}

/// The state of the coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum CouponState {
    /// It is valid.
    Published,
    /// It is taken back.
    CouponRefunded,
}

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum Status {
    /// It is established.
    Ordered,
    /// The approval of its payment is known.
    Paid,
    /// Its delivery is under way.
    DeliveryStarted,
    /// It has arrived.
    Delivered,
    /// The customer has cancelled it.
    Canceled,
    /// It is under refund, or returned.
    Refunded,
}

/// An event of another context about an order.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum ProgressEvent {
    /// The payment was approved.
    PaymentApproved(PaymentApproved),
    /// The payment was cancelled.
    PaymentCanceled(PaymentCanceled),
    /// The delivery has started.
    DeliveryStarted(DeliveryStarted),
    /// The delivery was stopped.
    DeliveryCanceled(DeliveryCanceled),
    /// The delivery has arrived.
    Delivered(Delivered),
    /// The order is refunded.
    Refunded(Refunded),
    /// The refund is cancelled.
    RefundCanceled(RefundCanceled),
    /// The coupon is valid.
    CouponPublished(CouponPublished),
    /// The coupon is taken back.
    CouponRefunded(CouponRefunded),
}

impl Progress {
    /// The status.
    pub fn status(&self) -> Status {
        if self.is_canceled {
            return Status::Canceled;
        }
        match self.delivery {
            _ if self.refund.is_some_and(LatestRefund::is_effective) => Status::Refunded,
            _ if self.is_delivered() => Status::Delivered,
            Some(DeliveryState::Started) => Status::DeliveryStarted,
            _ if self.payment.is_some() => Status::Paid,
            _ => Status::Ordered,
        }
    }

    /// Whether it is known that it was delivered. Refunds and coupons are of delivered orders only.
    pub const fn is_delivered(&self) -> bool {
        matches!(self.delivery, Some(DeliveryState::Delivered)) || self.refund.is_some() || self.coupon.is_some()
    }

    pub(crate) fn know(&mut self, event: &ProgressEvent) {
        match event {
            ProgressEvent::PaymentApproved(_) => self.payment = self.payment.max(Some(PaymentState::Approved)),
            ProgressEvent::PaymentCanceled(_) => self.payment = self.payment.max(Some(PaymentState::Canceled)),
            ProgressEvent::DeliveryStarted(_) => self.delivery = self.delivery.max(Some(DeliveryState::Started)),
            ProgressEvent::DeliveryCanceled(_) => self.delivery = self.delivery.max(Some(DeliveryState::Canceled)),
            ProgressEvent::Delivered(_) => self.delivery = self.delivery.max(Some(DeliveryState::Delivered)),
            ProgressEvent::Refunded(event) => self.know_refund(event.refund, RefundStep::Refunded),
            ProgressEvent::RefundCanceled(event) => self.know_refund(event.refund, RefundStep::RefundCanceled),
            ProgressEvent::CouponPublished(event) => self.know_coupon(event.version, CouponState::Published),
            ProgressEvent::CouponRefunded(event) => self.know_coupon(event.version, CouponState::CouponRefunded),
        }
    }

    fn know_refund(&mut self, number: i64, step: RefundStep) {
        self.refund = self.refund.max(Some(LatestRefund { number, step }));
    }

    fn know_coupon(&mut self, version: i64, state: CouponState) {
        self.coupon = self.coupon.max(Some(CouponChange { version, state }));
    }
}
