use std::collections::BTreeMap;

use ambient::Timestamp;
use events::{Inbound, Names, Never, Projection};
use serde::{Deserialize, Serialize};
use store::{Json, Row};
use {coupon_contract as coupon, delivery_contract as delivery, pizza_order_contract as order};
use {pizza_payment_contract as payment, refund_contract as refund};

/// A row of `status_views`, and the state that events are folded into. An unknown part is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Row)]
#[row(table = "status_views", key = "order_id", owner = "customer")]
#[expect(missing_docs, reason = "the names of the columns, which are the words of the business")]
pub struct StatusView {
    pub order_id: i64,
    /// The latest attempt that is known; 0 before the first event.
    pub attempt: i64,
    pub customer: Option<String>,
    pub pizza_id: Option<i64>,
    pub qty: Option<i64>,
    pub price: Option<i64>,
    /// Of the latest refund.
    pub reason: Option<String>,
    /// The latest occurrence of each step, by the name of the step: its number and its time in microseconds.
    pub steps: Json<BTreeMap<String, Occurrence>>,
}

/// An occurrence of a step. The greater one of two is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occurrence {
    /// The number of the refund, or of the change of the coupon, or of the attempt at the order.
    pub number: i64,
    /// The time in microseconds.
    pub time: i64,
}

/// The events that a view shows. Each is a step.
#[derive(Debug, Clone, Inbound)]
#[expect(missing_docs, reason = "the names of the events")]
pub enum ViewEvent {
    Ordered(order::Ordered),
    OrderCanceled(order::OrderCanceled),
    PaymentApproved(payment::PaymentApproved),
    PaymentCanceled(payment::PaymentCanceled),
    DeliveryStarted(delivery::DeliveryStarted),
    DeliveryCanceled(delivery::DeliveryCanceled),
    Delivered(delivery::Delivered),
    DeliveryRefunded(delivery::DeliveryRefunded),
    DeliveryReturned(delivery::DeliveryReturned),
    RefundDeliveryCanceled(delivery::RefundDeliveryCanceled),
    Refunded(refund::Refunded),
    RefundCompleted(refund::RefundCompleted),
    RefundCanceled(refund::RefundCanceled),
    CouponPublished(coupon::CouponPublished),
    CouponRefunded(coupon::CouponRefunded),
}

/// The steps. Those before the return of a delivery are numbered by the attempt at the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
#[expect(missing_docs, reason = "the names of the events")]
pub enum Step {
    Ordered,
    PaymentApproved,
    DeliveryStarted,
    DeliveryCanceled,
    Delivered,
    OrderCanceled,
    PaymentCanceled,
    DeliveryRefunded,
    DeliveryReturned,
    RefundDeliveryCanceled,
    Refunded,
    RefundCompleted,
    RefundCanceled,
    CouponPublished,
    CouponRefunded,
}

/// Attempts, refunds and changes of the coupon are numbered, each by itself: no epoch orders all events.
impl Projection for StatusView {
    type Event = ViewEvent;
    type Emits = Never;

    fn begin(order_id: i64, _epoch: i64) -> Self {
        Self { order_id, ..Self::default() }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &ViewEvent, at: Timestamp) -> Option<Never> {
        let (step, number) = match event {
            ViewEvent::Ordered(e) => {
                if e.attempt >= self.attempt {
                    self.customer.clone_from(&e.customer);
                    (self.pizza_id, self.qty, self.price) = (Some(e.pizza_id), Some(e.qty), Some(e.price));
                }
                (Step::Ordered, e.attempt)
            }
            ViewEvent::Refunded(e) => {
                if self.occurrence(Step::Refunded).is_none_or(|known| known.number <= e.refund) {
                    self.reason = Some(e.reason.clone());
                }
                (Step::Refunded, e.refund)
            }
            ViewEvent::OrderCanceled(e) => (Step::OrderCanceled, e.attempt),
            ViewEvent::PaymentApproved(e) => (Step::PaymentApproved, e.attempt),
            ViewEvent::PaymentCanceled(e) => (Step::PaymentCanceled, e.attempt),
            ViewEvent::DeliveryStarted(e) => (Step::DeliveryStarted, e.attempt),
            ViewEvent::DeliveryCanceled(e) => (Step::DeliveryCanceled, e.attempt),
            ViewEvent::Delivered(e) => (Step::Delivered, e.attempt),
            ViewEvent::DeliveryRefunded(e) => (Step::DeliveryRefunded, e.refund),
            ViewEvent::DeliveryReturned(e) => (Step::DeliveryReturned, e.refund),
            ViewEvent::RefundDeliveryCanceled(e) => (Step::RefundDeliveryCanceled, e.refund),
            ViewEvent::RefundCompleted(e) => (Step::RefundCompleted, e.refund),
            ViewEvent::RefundCanceled(e) => (Step::RefundCanceled, e.refund),
            ViewEvent::CouponPublished(e) => (Step::CouponPublished, e.version),
            ViewEvent::CouponRefunded(e) => (Step::CouponRefunded, e.version),
        };
        if step < Step::DeliveryRefunded {
            self.attempt = self.attempt.max(number);
        }
        let occurrence = Occurrence { number, time: at.as_micros() };
        let known = self.steps.0.entry(step.name().to_owned()).or_insert(occurrence);
        *known = occurrence.max(*known);
        None
    }
}

impl StatusView {
    /// The latest occurrence of a step, also of an earlier attempt.
    pub(crate) fn occurrence(&self, step: Step) -> Option<Occurrence> {
        self.steps.0.get(step.name()).copied()
    }

    /// The latest occurrence of a step, unless it is of an earlier attempt.
    pub(crate) fn current(&self, step: Step) -> Option<Occurrence> {
        self.occurrence(step).filter(|known| step >= Step::DeliveryRefunded || known.number == self.attempt)
    }

    /// The status of a part, whose statuses are given with their steps: that with the greatest number, and of several the
    /// furthest one.
    pub(crate) fn furthest(&self, statuses: &[(Step, &'static str)]) -> Option<&'static str> {
        let known = statuses.iter().filter_map(|(step, status)| Some((self.current(*step)?.number, *status)));
        known.max_by_key(|(number, _)| *number).map(|(_, status)| status)
    }
}
