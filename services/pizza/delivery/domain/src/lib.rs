//! The delivery of an order, and its return.
//!
//! A delivery starts when its order is established and paid. A courier finishes it. If the order is cancelled before that,
//! the delivery is stopped. A delivery that has arrived may be *refunded*: delivery agrees to a refund of its order, and the
//! return begins. A courier ends the return: it has arrived, or it is cancelled, and then a later refund may follow.
//!
//! Delivery is the participant of the saga of a refund: [`Delivery::agree`] is the action, [`Delivery::withdraw`] is its
//! compensation. The number of a refund is that of the attempt at the saga.

use ambient::Timestamp;
use delivery_contract::{
    Delivered, DeliveryCanceled, DeliveryEvent, DeliveryRefunded, DeliveryReturned, DeliveryStarted,
    RefundDeliveryCanceled,
};
use events::{Inbound, Projection};
use pizza_order_contract::{OrderCanceled, Ordered};
use pizza_payment_contract::PaymentApproved;
use thiserror::Error;

/// What the delivery context knows of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The order.
    pub order_id: i64,
    /// The latest attempt that is known; 0 before the first event.
    pub attempt: i64,
    /// What is delivered, and to whom. `None`: the order is not known to be established.
    pub parcel: Option<Parcel>,
    /// Whether the order is known to be paid.
    pub is_paid: bool,
    /// Whether the order is cancelled.
    pub is_canceled: bool,
    /// The status. `None`: it has not started.
    pub status: Option<Status>,
    /// The number of the latest refund that it has agreed to; 0 if there is none.
    pub refund: i64,
    /// The number of the latest refund that was withdrawn: it and earlier ones are not agreed to any more. 0: none.
    pub withdrawn: i64,
}

/// What is delivered, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The kind of pizza.
    pub pizza_id: i64,
    /// The number of pizzas.
    pub qty: i64,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<String>,
}

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is under way.
    Started,
    /// It has arrived.
    Finished,
    /// It was stopped.
    Canceled,
    /// It has arrived, and its return is under way.
    Refunded,
    /// Its return has arrived.
    Returned,
    /// It has arrived, and its return is cancelled.
    RefundCanceled,
}

/// The events of other contexts that a delivery depends on. A payment may be approved whose order is not established in the
/// end, so both are needed.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
pub enum OrderStep {
    /// The order is established.
    Ordered(Ordered),
    /// The payment was approved.
    PaymentApproved(PaymentApproved),
    /// The order was cancelled.
    OrderCanceled(OrderCanceled),
}

/// A step that a delivery cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the delivery is {from}: it cannot become {to}")]
pub struct NoSuchStep {
    /// The status of the delivery.
    pub from: &'static str,
    /// The requested status.
    pub to: &'static str,
}

/// Why delivery does not agree to a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is no such order, or it belongs to another customer.
    #[error("there is no order {0}")]
    Unknown(i64),
    /// It has not arrived.
    #[error("the order is not delivered")]
    NotDelivered,
    /// The order is cancelled, and so it is paid back already.
    #[error("the order is cancelled")]
    Canceled,
    /// An earlier refund counts.
    #[error("the order is already refunded")]
    AlreadyRefunded,
    /// The refund was withdrawn, or a later one is known.
    #[error("this refund was withdrawn, or a later one counts")]
    Withdrawn,
}

/// Why a refund is not withdrawn: its return has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the return has arrived")]
pub struct AlreadyReturned;

impl Status {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Started, Self::Finished, Self::Canceled, Self::Refunded, Self::Returned, Self::RefundCanceled];

    /// Its name in JSON and in stores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Finished => "Finished",
            Self::Canceled => "canceled",
            Self::Refunded => "refunded",
            Self::Returned => "returned",
            Self::RefundCanceled => "refundCanceled",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A delivery ends the same in whatever order its events arrive, as far as no courier acts in between. A later attempt begins
/// anew, but for the refunds that were withdrawn: a withdrawal may be known before the order.
impl Projection for Delivery {
    type Event = OrderStep;
    type Emits = DeliveryEvent;

    fn begin(order_id: i64, attempt: i64) -> Self {
        let (is_paid, is_canceled) = (false, false);
        Self { order_id, attempt, parcel: None, is_paid, is_canceled, status: None, refund: 0, withdrawn: 0 }
    }

    fn epoch(&self) -> i64 {
        0
    }

    fn apply(&mut self, event: &OrderStep, _at: Timestamp) -> Option<DeliveryEvent> {
        if event.attempt() < self.attempt {
            return None;
        }
        if event.attempt() > self.attempt {
            *self = Self { withdrawn: self.withdrawn, ..Self::begin(self.order_id, event.attempt()) };
        }
        match event {
            OrderStep::Ordered(Ordered { pizza_id, qty, customer, .. }) => {
                self.parcel = Some(Parcel { pizza_id: *pizza_id, qty: *qty, customer: customer.clone() });
                self.start()
            }
            OrderStep::PaymentApproved(_) => {
                self.is_paid = true;
                self.start()
            }
            OrderStep::OrderCanceled(_) => self.stop(),
        }
    }
}

impl OrderStep {
    const fn attempt(&self) -> i64 {
        match self {
            Self::Ordered(event) => event.attempt,
            Self::PaymentApproved(event) => event.attempt,
            Self::OrderCanceled(event) => event.attempt,
        }
    }
}

impl Delivery {
    fn start(&mut self) -> Option<DeliveryEvent> {
        let is_due = self.parcel.is_some() && self.is_paid && !self.is_canceled && self.status.is_none();
        if !is_due {
            return None;
        }
        self.status = Some(Status::Started);
        Some(DeliveryStarted { order_id: self.order_id, attempt: self.attempt }.into())
    }

    /// The order is cancelled. A delivery that has arrived stays as it is.
    fn stop(&mut self) -> Option<DeliveryEvent> {
        self.is_canceled = true;
        if self.status != Some(Status::Started) {
            return None;
        }
        self.status = Some(Status::Canceled);
        Some(DeliveryCanceled { order_id: self.order_id, attempt: self.attempt }.into())
    }

    /// A courier reports a status. `None`: it is so already. A delivery that has not started stays as it is.
    pub fn report(&mut self, to: Status) -> Result<Option<DeliveryEvent>, NoSuchStep> {
        let Some(from) = self.status.filter(|from| *from != to) else { return Ok(None) };
        let (order_id, attempt, refund) = (self.order_id, self.attempt, self.refund);
        let event = match (from, to) {
            (Status::Started, Status::Finished) => {
                let customer = self.parcel.as_ref().and_then(|parcel| parcel.customer.clone());
                Delivered { order_id, attempt, customer }.into()
            }
            (Status::Refunded, Status::Returned) => DeliveryReturned { order_id, attempt, refund }.into(),
            (Status::Refunded, Status::RefundCanceled) => RefundDeliveryCanceled { order_id, attempt, refund }.into(),
            _ => return Err(NoSuchStep { from: from.name(), to: to.name() }),
        };
        self.status = Some(to);
        Ok(Some(event))
    }

    /// Agrees to the refund with this number, which `customer` requests (`None`: authentication is disabled). Returns the
    /// event; `None` if it has agreed before, whatever has become of the return since.
    pub fn agree(&mut self, number: i64, customer: Option<&str>) -> Result<Option<DeliveryEvent>, Refusal> {
        let is_of = |parcel: &&Parcel| customer.is_none() || parcel.customer.as_deref() == customer;
        self.parcel.as_ref().filter(is_of).ok_or(Refusal::Unknown(self.order_id))?;
        if number <= self.withdrawn || number < self.refund {
            return Err(Refusal::Withdrawn);
        }
        if number == self.refund {
            return Ok(None);
        }
        match self.status {
            Some(Status::Refunded | Status::Returned) => Err(Refusal::AlreadyRefunded),
            Some(Status::Finished | Status::RefundCanceled) if self.is_canceled => Err(Refusal::Canceled),
            Some(Status::Finished | Status::RefundCanceled) => {
                (self.status, self.refund) = (Some(Status::Refunded), number);
                let (order_id, attempt, refund) = (self.order_id, self.attempt, number);
                Ok(Some(DeliveryRefunded { order_id, attempt, refund }.into()))
            }
            Some(Status::Started | Status::Canceled) | None => Err(Refusal::NotDelivered),
        }
    }

    /// Withdraws the refund with this number, whether it was agreed to or not. One that has not arrived yet is refused when
    /// it does. Returns the event if a return is cancelled by that.
    pub fn withdraw(&mut self, number: i64) -> Result<Option<DeliveryEvent>, AlreadyReturned> {
        let is_agreed = number == self.refund;
        if is_agreed && self.status == Some(Status::Returned) {
            return Err(AlreadyReturned);
        }
        self.withdrawn = self.withdrawn.max(number);
        if !is_agreed || self.status != Some(Status::Refunded) {
            return Ok(None);
        }
        self.status = Some(Status::RefundCanceled);
        let (order_id, attempt, refund) = (self.order_id, self.attempt, number);
        Ok(Some(RefundDeliveryCanceled { order_id, attempt, refund }.into()))
    }
}
