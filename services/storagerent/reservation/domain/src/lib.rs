//! The reservation of a storage room: its phases, and what may follow.
//!
//! A request is *pending* while storage and payment are called; no client sees it. When the room is held and paid, it is
//! *established*. It is confirmed when the approval of its payment is consumed, and cancelled when its customer requests that
//! and the payment is paid back. If the outcome of a call is unknown, the request is *compensated* and then *void*: its id
//! is free again, and only its attempt number remains.
//!
//! A reservation belongs to its customer. For all others its id is taken, and nothing else is visible. With authentication
//! disabled, a reservation has no customer.

use ambient::{Positive, Subject, Timestamp};
use events::{Aggregate, Decision, Inbound, Names, next_epoch};
use reservation_contract::{
    ReservationCancelRequested, ReservationCancelled, ReservationConfirmed, ReservationCreated, ReservationEvent,
};
use storagerent_payment_contract::{PaymentApproved, PaymentCancelled};

/// A reservation in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// Storage and payment are called. The approval of the payment may be consumed before its reply arrives: then it is
    /// paid.
    Pending(Attempt, Paid),
    /// Its payment is cancelled, and its room is released.
    Compensating(Attempt),
    /// Its payment was cancelled, and its room was released.
    Void(Attempt),
    /// The room is held and paid, and the reservation is visible.
    Established(Established),
}

/// An attempt at a reservation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The reservation.
    pub id: Positive,
    /// The number of the attempt at this id.
    pub number: i64,
    /// The room.
    pub storage_id: Positive,
    /// What is known of the price.
    pub terms: Terms,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
}

/// The price of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// The room is not held yet. The price that the customer expects, if any.
    Expected(Option<Positive>),
    /// The room is held.
    Held {
        /// The number of the hold.
        hold: Positive,
        /// The price of the room.
        price: Positive,
    },
}

/// Whether the approval of the payment has been consumed.
pub type Paid = bool;

/// A reservation whose room is held and paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The attempt that was paid.
    pub attempt: Attempt,
    /// The status.
    pub status: Status,
    /// Whether the approval of the payment has been consumed.
    pub paid: Paid,
}

/// The status of an established reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Names)]
pub enum Status {
    /// It is held and paid, and not confirmed yet.
    ReqReserve,
    /// It is confirmed.
    Reserved,
    /// The customer has requested the cancellation.
    ReqCancel,
    /// It is cancelled and paid back.
    Cancelled,
}

/// What a customer requests, under any id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The room.
    pub storage_id: Positive,
    /// The price that the customer expects, if any.
    pub price: Option<Positive>,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// An event that changes a reservation. Its own creation is among them: the approval of the payment may be consumed before
/// the reservation is established, and the later of the two confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum StepEvent {
    /// The reservation is established.
    ReservationCreated(ReservationCreated),
    /// The payment was approved.
    PaymentApproved(PaymentApproved),
    /// The payment was cancelled.
    PaymentCancelled(PaymentCancelled),
}

impl events::Offer for Offer {
    type State = Reservation;
    type Attempt = Attempt;
    type Established = Established;

    fn owner(&self) -> Option<&Subject> {
        self.customer.as_ref()
    }

    fn content(&self) -> String {
        let price = self.price.map_or_else(String::new, |price| format!(" for {}", price.get()));
        format!("room {}{price}", self.storage_id.get())
    }

    fn decide(&self, known: Option<&Reservation>, id: Positive, now: Timestamp) -> Decision<Attempt, Established> {
        let Self { storage_id, price, customer } = self.clone();
        let begin = |latest| {
            let (number, terms) = (next_epoch(now, latest), Terms::Expected(price));
            Decision::Begin(Attempt { id, number, storage_id, terms, customer: customer.clone() })
        };
        match known {
            None => begin(None),
            Some(Reservation::Void(past)) => begin(Some(past.number)),
            // Without authentication every client may see every reservation.
            Some(known) if customer.is_some() && known.attempt().customer != customer => Decision::Taken,
            Some(Reservation::Pending(..) | Reservation::Compensating(_)) => Decision::InProgress,
            Some(Reservation::Established(known)) if self.is_for(&known.attempt) => Decision::Known(known.clone()),
            Some(Reservation::Established(_)) => Decision::Different,
        }
    }
}

impl Offer {
    /// Whether the attempt is what this offer requests: an offer without a price expects that of the room.
    fn is_for(&self, attempt: &Attempt) -> bool {
        self.storage_id == attempt.storage_id && self.price.is_none_or(|price| attempt.price() == Some(price))
    }
}

impl Reservation {
    /// The latest attempt.
    pub const fn attempt(&self) -> &Attempt {
        match self {
            Self::Pending(attempt, _) | Self::Compensating(attempt) | Self::Void(attempt) => attempt,
            Self::Established(established) => &established.attempt,
        }
    }

    /// The reservation, if its room is held and paid.
    pub const fn established(&self) -> Option<&Established> {
        if let Self::Established(established) = self { Some(established) } else { None }
    }
}

impl Aggregate for Reservation {
    type Event = StepEvent;
    type Emits = ReservationEvent;

    fn epoch(&self) -> i64 {
        self.attempt().number
    }

    fn apply(&mut self, event: &StepEvent, _at: Timestamp) -> Option<ReservationEvent> {
        match (self, event) {
            (Self::Pending(_, paid), StepEvent::PaymentApproved(_)) => {
                *paid = true;
                None
            }
            (Self::Established(established), StepEvent::PaymentApproved(_)) => {
                established.paid = true;
                established.confirm().map(Into::into)
            }
            (Self::Established(established), StepEvent::ReservationCreated(_)) => established.confirm().map(Into::into),
            (Self::Established(established), StepEvent::PaymentCancelled(_)) => {
                established.complete_cancellation().map(Into::into)
            }
            _ => None,
        }
    }
}

impl Attempt {
    /// The price of the room, or that which the customer expects.
    pub const fn price(&self) -> Option<Positive> {
        match self.terms {
            Terms::Expected(price) => price,
            Terms::Held { price, .. } => Some(price),
        }
    }

    /// The number of the hold; 0 before the room is held.
    pub fn hold(&self) -> i64 {
        if let Terms::Held { hold, .. } = self.terms { hold.get() } else { 0 }
    }

    /// The event of the reservation, once it is established.
    pub fn created(&self) -> ReservationCreated {
        ReservationCreated {
            reservation_id: self.id.get(),
            attempt: self.number,
            storage_id: self.storage_id.get(),
            hold: self.hold(),
            price: self.price().map_or(0, Positive::get),
            customer: self.customer(),
        }
    }

    fn customer(&self) -> Option<String> {
        self.customer.as_ref().map(|customer| customer.as_str().to_owned())
    }
}

impl Established {
    /// The customer requests the cancellation. `None` if that was requested before.
    #[must_use = "the event of the request must be published"]
    pub fn request_cancellation(&mut self) -> Option<ReservationCancelRequested> {
        if self.status >= Status::ReqCancel {
            return None;
        }
        self.status = Status::ReqCancel;
        let (reservation_id, attempt, storage_id, hold) = self.names();
        Some(ReservationCancelRequested { reservation_id, attempt, storage_id, hold })
    }

    /// The payment is approved: confirms the reservation, unless it was confirmed before, or its cancellation requested.
    fn confirm(&mut self) -> Option<ReservationConfirmed> {
        if !self.paid || self.status != Status::ReqReserve {
            return None;
        }
        self.status = Status::Reserved;
        let (reservation_id, attempt, storage_id, hold) = self.names();
        Some(ReservationConfirmed { reservation_id, attempt, storage_id, hold, customer: self.attempt.customer() })
    }

    /// The payment is cancelled, as requested: completes the cancellation.
    fn complete_cancellation(&mut self) -> Option<ReservationCancelled> {
        if self.status != Status::ReqCancel {
            return None;
        }
        self.status = Status::Cancelled;
        let (reservation_id, attempt, storage_id, hold) = self.names();
        Some(ReservationCancelled { reservation_id, attempt, storage_id, hold, customer: self.attempt.customer() })
    }

    /// Reservation, attempt, room and hold, which each event names.
    fn names(&self) -> (i64, i64, i64, i64) {
        let Attempt { id, number, storage_id, .. } = &self.attempt;
        (id.get(), *number, storage_id.get(), self.attempt.hold())
    }
}

/// A reservation that was established now.
impl From<Attempt> for Established {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, status: Status::ReqReserve, paid: false }
    }
}

impl From<Established> for Reservation {
    fn from(established: Established) -> Self {
        Self::Established(established)
    }
}
