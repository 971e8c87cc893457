//! The refund of an order: its phases, and what may follow.
//!
//! A request is *pending* while delivery is called; no client sees it. When delivery has agreed, the refund is *established*.
//! If the outcome of the call is unknown, the request is *completed*: the call is repeated until delivery replies. When the
//! return has arrived the refund is completed for the business, too; when a courier cancels the return, the refund is
//! cancelled, and a later one of the same order may begin. Its number is greater.
//!
//! A refund belongs to the customer of its order. Delivery knows that customer, and decides.

use ambient::{Positive, Subject, Timestamp};
use delivery_contract::{DeliveryReturned, RefundDeliveryCanceled};
use events::{Aggregate, Decision, Inbound, next_epoch};
use refund_contract::{RefundCanceled, RefundCompleted, RefundEvent, RefundStep, Refunded};
use thiserror::Error;

/// The latest refund of an order in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refund {
    /// Delivery is called. The end of the return may be consumed before the reply arrives.
    Pending(Attempt, Option<End>),
    /// The outcome of the call is unknown: it is repeated.
    Completing(Attempt, Option<End>),
    /// Delivery has declined a repeated call: it is called to withdraw the refund.
    Compensating(Attempt),
    /// There is no refund with this number.
    Void(Attempt),
    /// Delivery has agreed.
    Established(Established),
    /// It is cancelled: a later one may begin.
    Canceled(Attempt),
}

/// An attempt at a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The order.
    pub order_id: Positive,
    /// The number of the refund of this order. Later ones have greater numbers.
    pub number: i64,
    /// The reason that the customer gives.
    pub reason: Reason,
    /// The attempt at the order, from delivery. `None`: delivery has not agreed yet.
    pub order_attempt: Option<i64>,
    /// The reason of the latest cancelled refund of this order.
    pub canceled_before: Option<Reason>,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
}

/// Why a customer requests a refund: 1 to 500 characters, more than blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// The text is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a text of 1 to {} characters, more than blanks", Reason::MAX_CHARS)]
pub struct InvalidReason;

/// How a return ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has arrived.
    Returned,
    /// It is cancelled.
    Canceled,
}

/// A refund that delivery has agreed to, and that is not cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The attempt.
    pub attempt: Attempt,
    /// The end of the return that was consumed before the refund was established.
    pub early: Option<End>,
    /// Whether the return has arrived.
    pub is_returned: bool,
}

/// What a customer requests for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The reason.
    pub reason: Reason,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// An event that changes a refund. Its own beginning is among them: the end of the return may be consumed before the refund
/// is established, and the later of the two decides.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "refund")]
pub enum ReturnEvent {
    /// The refund is established.
    Refunded(Refunded),
    /// The return has arrived.
    DeliveryReturned(DeliveryReturned),
    /// The return is cancelled.
    RefundDeliveryCanceled(RefundDeliveryCanceled),
}

impl Reason {
    /// The maximum length.
    pub const MAX_CHARS: usize = 500;

    /// The reason with this text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidReason> {
        let text = text.into();
        let is_valid = !text.trim().is_empty() && text.chars().count() <= Self::MAX_CHARS;
        if is_valid { Ok(Self(text)) } else { Err(InvalidReason) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl events::Offer for Offer {
    type State = Refund;
    type Attempt = Attempt;
    type Established = Established;

    fn owner(&self) -> Option<&Subject> {
        self.customer.as_ref()
    }

    fn content(&self) -> String {
        self.reason.0.clone()
    }

    fn decide(&self, known: Option<&Refund>, order_id: Positive, now: Timestamp) -> Decision<Attempt, Established> {
        let begin = |known: Option<&Refund>| {
            let number = next_epoch(now, known.map(|known| known.attempt().number));
            let (reason, customer) = (self.reason.clone(), self.customer.clone());
            let canceled_before = known.and_then(Refund::canceled).cloned();
            Decision::Begin(Attempt { order_id, number, reason, order_attempt: None, canceled_before, customer })
        };
        match known {
            None => begin(None),
            // Whether the order is the caller's is for delivery to decide, which may have declined an earlier attempt of
            // somebody else.
            Some(Refund::Void(past)) if past.canceled_before.is_none() => begin(known),
            Some(Refund::Pending(..) | Refund::Completing(..) | Refund::Compensating(_)) => Decision::InProgress,
            Some(known) if self.customer.is_some() && known.attempt().customer != self.customer => Decision::Taken,
            Some(Refund::Void(_) | Refund::Canceled(_)) => begin(known),
            Some(Refund::Established(known)) if known.attempt.reason == self.reason => Decision::Known(known.clone()),
            Some(Refund::Established(_)) => Decision::Different,
        }
    }
}

impl Refund {
    /// The latest attempt.
    pub const fn attempt(&self) -> &Attempt {
        match self {
            Self::Pending(attempt, _)
            | Self::Completing(attempt, _)
            | Self::Compensating(attempt)
            | Self::Void(attempt)
            | Self::Canceled(attempt) => attempt,
            Self::Established(established) => &established.attempt,
        }
    }

    /// The reason of the latest cancelled refund. `None`: there is none.
    const fn canceled(&self) -> Option<&Reason> {
        if let Self::Canceled(attempt) = self { Some(&attempt.reason) } else { self.attempt().canceled_before.as_ref() }
    }

    /// What clients see: the step and the reason of the latest refund that delivery has agreed to. `None`: there is none.
    pub const fn visible(&self) -> Option<(RefundStep, &Reason)> {
        match self {
            Self::Established(established) => Some((established.step(), &established.attempt.reason)),
            _ => match self.canceled() {
                Some(reason) => Some((RefundStep::RefundCanceled, reason)),
                None => None,
            },
        }
    }
}

impl Aggregate for Refund {
    type Event = ReturnEvent;
    type Emits = RefundEvent;

    fn epoch(&self) -> i64 {
        self.attempt().number
    }

    fn apply(&mut self, event: &ReturnEvent, _at: Timestamp) -> Option<RefundEvent> {
        let end = match event {
            ReturnEvent::Refunded(_) => None,
            ReturnEvent::DeliveryReturned(_) => Some(End::Returned),
            ReturnEvent::RefundDeliveryCanceled(_) => Some(End::Canceled),
        };
        match self {
            Self::Pending(_, early) | Self::Completing(_, early) => {
                *early = early.or(end);
                None
            }
            Self::Established(established) => {
                let ended = established.end(established.early.or(end)?)?;
                if let RefundEvent::RefundCanceled(_) = ended {
                    *self = Self::Canceled(established.attempt.clone());
                }
                Some(ended)
            }
            Self::Compensating(_) | Self::Void(_) | Self::Canceled(_) => None,
        }
    }
}

impl Attempt {
    /// The event of the refund, once it is established.
    pub fn refunded(&self) -> Refunded {
        let (order_id, attempt, refund) = self.names();
        Refunded { order_id, attempt, refund, reason: self.reason.0.clone() }
    }

    /// The order, the attempt at it, and the number of the refund, which each event names.
    fn names(&self) -> (i64, i64, i64) {
        (self.order_id.get(), self.order_attempt.unwrap_or_default(), self.number)
    }
}

impl Established {
    /// How far it is.
    pub const fn step(&self) -> RefundStep {
        if self.is_returned { RefundStep::Returned } else { RefundStep::Refunded }
    }

    /// The return has ended. Returns the event, once.
    fn end(&mut self, end: End) -> Option<RefundEvent> {
        if self.is_returned {
            return None;
        }
        let (order_id, attempt, refund) = self.attempt.names();
        self.is_returned = end == End::Returned;
        Some(match end {
            End::Returned => RefundCompleted { order_id, attempt, refund }.into(),
            End::Canceled => RefundCanceled { order_id, attempt, refund }.into(),
        })
    }
}

/// A refund that was established now.
impl From<Attempt> for Established {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, early: None, is_returned: false }
    }
}

impl From<Established> for Refund {
    fn from(established: Established) -> Self {
        Self::Established(established)
    }
}
