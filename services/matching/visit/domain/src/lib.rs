//! Visit requests and visits.
//!
//! A [`Case`] joins what three contexts know of one match: whether it is paid, whether it is cancelled, and which tutor is
//! assigned.

mod date;

use ambient::{Subject, Timestamp};
pub use date::{VisitDate, WrongDate};
use events::{Inbound, Projection};
use match_contract::{Attempt, MatchCanceled};
use payment_contract::{PaymentApproved, PaymentCanceled};
use thiserror::Error;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

/// What the visit context knows of one match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The match.
    pub match_id: i64,
    /// The latest attempt that is known; 0 before the first event.
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
    /// The amount.
    pub price: i64,
    /// The time of the approval, which orders the list of requests.
    pub since: Timestamp,
}

/// A visit that a tutor has confirmed. It is cancelled if its case is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The subject of the tutor. `None`: it was assigned without authentication.
    pub tutor: Option<Subject>,
    /// The tutor's name, for the student.
    pub teacher: String,
    /// The day.
    pub date: VisitDate,
}

/// The events of other contexts that a case is made of.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum CaseEvent {
    /// The payment was approved.
    PaymentApproved(PaymentApproved),
    /// The payment was cancelled.
    PaymentCanceled(PaymentCanceled),
    /// The match was cancelled.
    MatchCanceled(MatchCanceled),
}

/// Why a visit cannot be assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No payment is known, so there is no request.
    #[error("there is no visit request of this match")]
    NeverPaid,
    /// A tutor is assigned already.
    #[error("the visit is already assigned")]
    Assigned,
    /// The match is cancelled.
    #[error("the match is cancelled")]
    Canceled,
}

/// A case ends the same in whatever order its events arrive. A later attempt begins anew: what belonged to an earlier one
/// is cancelled.
impl Projection for Case {
    type Event = CaseEvent;
    type Emits = VisitEvent;

    fn begin(match_id: i64, attempt: i64) -> Self {
        Self { match_id, attempt, paid: None, canceled: false, visit: None }
    }

    fn epoch(&self) -> Attempt {
        self.attempt
    }

    fn apply(&mut self, event: &CaseEvent, at: Timestamp) -> Option<VisitEvent> {
        match event {
            CaseEvent::PaymentApproved(event) => {
                self.paid = Some(Paid { price: event.price, since: at });
                None
            }
            CaseEvent::PaymentCanceled(_) | CaseEvent::MatchCanceled(_) => self.cancel(),
        }
    }

    fn superseded(mut self) -> Option<VisitEvent> {
        self.cancel()
    }
}

impl Case {
    /// Whether it is in the list of visit requests: paid, not assigned, not cancelled.
    pub fn is_open(&self) -> bool {
        self.paid.is_some() && !self.canceled && self.visit.is_none()
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
            tutor: visit.tutor.as_ref().map(|tutor| tutor.as_str().to_owned()),
        };
        self.visit = Some(visit);
        Ok(event)
    }

    /// Cancels the case for good. Returns the event if that cancels a visit.
    fn cancel(&mut self) -> Option<VisitEvent> {
        let is_assigned = self.visit.is_some() && !self.canceled;
        self.canceled = true;
        is_assigned.then(|| VisitCanceled { match_id: self.match_id, attempt: self.attempt }.into())
    }
}
