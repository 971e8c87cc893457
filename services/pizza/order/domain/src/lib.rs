//! The order of pizzas: its phases, and what may follow.
//!
//! A request is *pending* while payment is called; no client sees it. When it is paid it is *established*. If the outcome
//! of payment is unknown, it is *compensated* and then *void*: its id is free again, and only its attempt number remains.
//!
//! An order belongs to its customer. For all others its id is taken, and nothing else is visible. With authentication
//! disabled, an order has no customer.

mod menu;
mod progress;

use ambient::{Positive, Subject, Timestamp};
use events::{Aggregate, Decision, Never, next_epoch};
use pizza_order_contract::{OrderCanceled, Ordered};
use thiserror::Error;

pub use menu::{InvalidQuantity, MENU, Pizza, Quantity};
pub use progress::{CouponChange, CouponState, DeliveryState, PaymentState, Progress, ProgressEvent, Status};

/// An order in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Payment is called. The approval may be consumed before its reply arrives.
    Pending(Attempt, Progress),
    /// Its payment is cancelled.
    Compensating(Attempt),
    /// Its payment was cancelled.
    Void(Attempt),
    /// It is paid, and visible.
    Established(Established),
}

/// An attempt at an order id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The order.
    pub id: Positive,
    /// The number of the attempt at this id.
    pub number: i64,
    /// The kind of pizza.
    pub pizza_id: Positive,
    /// The number of pizzas.
    pub qty: Quantity,
    /// The price of all of them.
    pub price: Positive,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
}

/// What a customer requests, under any id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The kind of pizza.
    pub pizza_id: Positive,
    /// The number of pizzas.
    pub qty: Quantity,
    /// The price of all of them.
    pub price: Positive,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// An order that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The attempt that was paid.
    pub attempt: Attempt,
    /// What is known of it since.
    pub progress: Progress,
}

/// Why an order is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the order is delivered: a refund can be requested at /refunds")]
pub struct AlreadyDelivered;

impl events::Offer for Offer {
    type State = Order;
    type Attempt = Attempt;
    type Established = Established;

    fn owner(&self) -> Option<&Subject> {
        self.customer.as_ref()
    }

    fn content(&self) -> String {
        format!("{} of pizza {}", self.qty.get(), self.pizza_id.get())
    }

    fn decide(&self, known: Option<&Order>, id: Positive, now: Timestamp) -> Decision<Attempt, Established> {
        let Self { pizza_id, qty, price, customer } = self.clone();
        let begin = |latest| {
            let number = next_epoch(now, latest);
            Decision::Begin(Attempt { id, number, pizza_id, qty, price, customer: customer.clone() })
        };
        match known {
            None => begin(None),
            Some(Order::Void(past)) => begin(Some(past.number)),
            // Without authentication every client may see every order.
            Some(known) if customer.is_some() && known.attempt().customer != customer => Decision::Taken,
            Some(Order::Pending(..) | Order::Compensating(_)) => Decision::InProgress,
            Some(Order::Established(known)) if self.is_for(&known.attempt) => Decision::Known(known.clone()),
            Some(Order::Established(_)) => Decision::Different,
        }
    }
}

impl Offer {
    /// Whether the attempt is what this offer requests. Its price may be that of another day.
    fn is_for(&self, attempt: &Attempt) -> bool {
        (self.pizza_id, self.qty) == (attempt.pizza_id, attempt.qty)
    }
}

impl Order {
    /// The latest attempt.
    pub const fn attempt(&self) -> &Attempt {
        match self {
            Self::Pending(attempt, _) | Self::Compensating(attempt) | Self::Void(attempt) => attempt,
            Self::Established(established) => &established.attempt,
        }
    }

    /// The order, if it is paid.
    pub const fn established(&self) -> Option<&Established> {
        if let Self::Established(established) = self { Some(established) } else { None }
    }
}

impl Aggregate for Order {
    type Event = ProgressEvent;
    type Emits = Never;

    fn epoch(&self) -> i64 {
        self.attempt().number
    }

    fn apply(&mut self, event: &ProgressEvent, _at: Timestamp) -> Option<Never> {
        match self {
            Self::Pending(_, progress) | Self::Established(Established { progress, .. }) => progress.know(event),
            Self::Compensating(_) | Self::Void(_) => {}
        }
        None
    }
}

impl Attempt {
    /// The event of the order, once it is established.
    pub fn ordered(&self) -> Ordered {
        Ordered {
            order_id: self.id.get(),
            attempt: self.number,
            pizza_id: self.pizza_id.get(),
            qty: self.qty.get(),
            price: self.price.get(),
            customer: self.customer.as_ref().map(|customer| customer.as_str().to_owned()),
        }
    }
}

impl Established {
    /// Cancels the order, unless it is known to be delivered. `None` if it was cancelled before.
    pub const fn cancel(&mut self) -> Result<Option<OrderCanceled>, AlreadyDelivered> {
        if self.progress.is_canceled {
            return Ok(None);
        }
        if self.progress.is_delivered() {
            return Err(AlreadyDelivered);
        }
        self.progress.is_canceled = true;
        Ok(Some(OrderCanceled { order_id: self.attempt.id.get(), attempt: self.attempt.number }))
    }
}

/// An order that was established now.
impl From<Attempt> for Established {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, progress: Progress::default() }
    }
}

impl From<Established> for Order {
    fn from(established: Established) -> Self {
        Self::Established(established)
    }
}
