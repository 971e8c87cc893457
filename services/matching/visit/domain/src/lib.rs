//! Visit requests and visits.
//!
//! A [`Case`] joins what three contexts know of one match: is it paid, is it cancelled, who comes. Events arrive in any
//! order and more than once; the case ends the same. Only the latest attempt at a match counts.

mod date;
mod tutor;

use ambient::Timestamp;
pub use date::{VisitDate, WrongDate};
use match_contract::{Attempt, MatchCanceled};
use payment_contract::{PaymentApproved, PaymentCanceled};
use thiserror::Error;
pub use tutor::{NoTutor, Tutor};
use visit_contract::{VisitAssigned, VisitCanceled};

/// All that the visit context knows of one match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The match.
    pub match_id: i64,
    /// The latest attempt that is known; 0 before any is.
    pub attempt: Attempt,
    /// The approved payment, if it is known.
    pub paid: Option<Paid>,
    /// Whether the match or its payment is cancelled: for good, as far as this attempt goes.
    pub canceled: bool,
    /// The visit, once a tutor has confirmed.
    pub visit: Option<Visit>,
}

/// An approved payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// How much.
    pub price: i64,
    /// Since when: the list of requests is in this order.
    pub since: Timestamp,
}

/// A visit that a tutor has confirmed. It is cancelled if its case is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Who has confirmed. `None`: the fleet ran open.
    pub tutor: Option<Tutor>,
    /// The tutor's name, as students read it.
    pub teacher: String,
    /// The day.
    pub date: VisitDate,
}

/// What other contexts have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The payment was approved, then.
    Approved(PaymentApproved, Timestamp),
    /// The payment was cancelled.
    PaymentCanceled(PaymentCanceled),
    /// The match was cancelled.
    MatchCanceled(MatchCanceled),
}

/// Why a visit cannot be assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No payment is known: there is no such request.
    #[error("there is no visit request of this match")]
    NeverPaid,
    /// Another tutor, or the same, was quicker.
    #[error("the visit is already assigned")]
    Assigned,
    /// The student was quicker.
    #[error("the match is cancelled")]
    Canceled,
}

impl News {
    /// The match that it is about.
    pub fn match_id(&self) -> i64 {
        match self {
            Self::Approved(event, _) => event.match_id,
            Self::PaymentCanceled(event) => event.match_id,
            Self::MatchCanceled(event) => event.id,
        }
    }

    fn attempt(&self) -> Attempt {
        match self {
            Self::Approved(event, _) => event.attempt,
            Self::PaymentCanceled(event) => event.attempt,
            Self::MatchCanceled(event) => event.attempt,
        }
    }
}

impl Case {
    /// A match of which nothing is known yet.
    pub const fn unknown(match_id: i64) -> Self {
        Self { match_id, attempt: 0, paid: None, canceled: false, visit: None }
    }

    /// Whether it is in the list of visit requests: paid, not assigned, not cancelled.
    pub fn is_open(&self) -> bool {
        self.paid.is_some() && !self.canceled && self.visit.is_none()
    }

    /// Takes in what another context has said. If that cancels a visit, the event to say is returned.
    #[must_use = "a visit that is cancelled must be said to be"]
    pub fn learn(&mut self, news: &News) -> Option<VisitCanceled> {
        if news.attempt() < self.attempt {
            return None;
        }
        let past = (news.attempt() > self.attempt).then(|| self.begin(news.attempt())).flatten();
        let canceled = match news {
            News::Approved(event, since) => {
                self.paid = Some(Paid { price: event.price, since: *since });
                None
            }
            News::PaymentCanceled(_) | News::MatchCanceled(_) => self.cancel(),
        };
        past.or(canceled)
    }

    /// A tutor confirms the request.
    pub fn assign(&mut self, visit: Visit) -> Result<VisitAssigned, Refusal> {
        if self.canceled {
            return Err(Refusal::Canceled);
        }
        if self.visit.is_some() {
            return Err(Refusal::Assigned);
        }
        if self.paid.is_none() {
            return Err(Refusal::NeverPaid);
        }
        let event = VisitAssigned {
            match_id: self.match_id,
            attempt: self.attempt,
            teacher: visit.teacher.clone(),
            visit_date: visit.date.to_string(),
        };
        self.visit = Some(visit);
        Ok(event)
    }

    /// A later attempt has begun: what belonged to the earlier one is past.
    fn begin(&mut self, attempt: Attempt) -> Option<VisitCanceled> {
        let past = self.cancel();
        *self = Self { attempt, ..Self::unknown(self.match_id) };
        past
    }

    fn cancel(&mut self) -> Option<VisitCanceled> {
        let comes = self.visit.is_some() && !self.canceled;
        self.canceled = true;
        comes.then_some(VisitCanceled { match_id: self.match_id, attempt: self.attempt })
    }
}
