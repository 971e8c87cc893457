//! The call for a cleaner: its phases, and what may follow.
//!
//! A request is *pending* while the management is called; no client sees it. When the management has accepted it, it is
//! *established*: the call is taken. It is confirmed when a cleaner is assigned, and finished when the work is done. If the
//! answer of the management is unknown, the request is *compensated* and then *void*: its id is free again, and only its attempt
//! number remains.
//!
//! A call belongs to its customer. For all others its id is taken, and nothing else is visible. With authentication
//! disabled, a call has no customer.

mod telephone;

use ambient::{Positive, Subject, Timestamp};
use cleanassign_contract::{Assignment, AssignmentCanceled, AssignmentFinished, CleanerAssigned, Progress, Status};
use cleancall_contract::{CleanCallCanceled, CleanCallEvent, CleanCalled};
use events::{Aggregate, Decision, Inbound, next_epoch};
use thiserror::Error;

pub use telephone::{InvalidTelephone, Telephone};

/// A call in one of its phases. Its assignment may be known before the answer of the management arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// The management is called.
    Pending(Attempt, Assignment),
    /// What the management may have accepted is withdrawn.
    Compensating(Attempt),
    /// It was withdrawn.
    Void(Attempt),
    /// The call is taken, and visible.
    Established(Established),
}

/// An attempt at a call id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The call.
    pub id: Positive,
    /// The number of the attempt at this id.
    pub number: i64,
    /// What the customer calls for.
    pub request: Request,
    /// The customer. `None`: authentication was disabled.
    pub customer: Option<Subject>,
}

/// What a customer calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The telephone number of the customer.
    pub tel: Telephone,
    /// The place. `None`: any place.
    pub location: Option<String>,
    /// The price. `None`: it is agreed on site.
    pub cost: Option<Positive>,
}

/// A call that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The attempt that the management has accepted.
    pub attempt: Attempt,
    /// Its assignment.
    pub assignment: Assignment,
    /// Whether the customer has cancelled it.
    pub canceled: bool,
}

/// Why a call is not cancelled: the work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the work for this call is done: it cannot be cancelled")]
pub struct IsFinished;

/// What a customer requests, under any id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What they call for.
    pub request: Request,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// An event that changes a call.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum StepEvent {
    /// A cleaner is assigned.
    CleanerAssigned(CleanerAssigned),
    /// The work is done.
    AssignmentFinished(AssignmentFinished),
    /// The assignment is cancelled.
    AssignmentCanceled(AssignmentCanceled),
}

impl StepEvent {
    fn apply(&self, assignment: &mut Assignment) {
        match self {
            Self::CleanerAssigned(event) => assignment.advance(Progress::Assigned, &event.cleaner),
            Self::AssignmentFinished(event) => assignment.advance(Progress::Finished, &event.cleaner),
            Self::AssignmentCanceled(event) => assignment.advance(Progress::Canceled, &event.cleaner),
        }
    }
}

impl events::Offer for Offer {
    type State = Call;
    type Attempt = Attempt;
    type Established = Established;

    fn owner(&self) -> Option<&Subject> {
        self.customer.as_ref()
    }

    fn content(&self) -> String {
        let Request { tel, location, cost } = &self.request;
        let place =
            location.as_ref().map_or_else(|| "any place".to_owned(), |location| format!("the place {location}"));
        let price = cost.map_or_else(String::new, |cost| format!(" for {}", cost.get()));
        format!("{} to {place}{price}", tel.as_str())
    }

    fn decide(&self, known: Option<&Call>, id: Positive, now: Timestamp) -> Decision<Attempt, Established> {
        let Self { request, customer } = self.clone();
        let begin = |latest| {
            Decision::Begin(Attempt { id, number: next_epoch(now, latest), request, customer: customer.clone() })
        };
        match known {
            None => begin(None),
            Some(Call::Void(past)) => begin(Some(past.number)),
            // Without authentication every client may see every call.
            Some(known) if self.customer.is_some() && known.attempt().customer != self.customer => Decision::Taken,
            Some(Call::Pending(..) | Call::Compensating(_)) => Decision::InProgress,
            // The id of a call that was cancelled is not used again.
            Some(Call::Established(known)) if known.canceled => Decision::Taken,
            Some(Call::Established(known)) if known.attempt.request == self.request => Decision::Known(known.clone()),
            Some(Call::Established(_)) => Decision::Different,
        }
    }
}

impl Call {
    /// The latest attempt.
    pub const fn attempt(&self) -> &Attempt {
        match self {
            Self::Pending(attempt, _) | Self::Compensating(attempt) | Self::Void(attempt) => attempt,
            Self::Established(established) => &established.attempt,
        }
    }

    /// The call, if it is taken.
    pub const fn established(&self) -> Option<&Established> {
        if let Self::Established(established) = self { Some(established) } else { None }
    }

    /// The customer cancels the call. `None`: they have done so before, or it is not taken.
    pub fn cancel(&mut self) -> Result<Option<CleanCallCanceled>, IsFinished> {
        let Self::Established(established) = self else { return Ok(None) };
        if established.canceled {
            return Ok(None);
        }
        if established.status() == Status::Finished {
            return Err(IsFinished);
        }
        established.canceled = true;
        let Attempt { id, number, .. } = &established.attempt;
        Ok(Some(CleanCallCanceled { call_id: id.get(), attempt: *number }))
    }
}

impl Aggregate for Call {
    type Event = StepEvent;
    type Emits = CleanCallEvent;

    fn epoch(&self) -> i64 {
        self.attempt().number
    }

    fn apply(&mut self, event: &StepEvent, _at: Timestamp) -> Option<CleanCallEvent> {
        match self {
            Self::Pending(_, assignment) => event.apply(assignment),
            Self::Established(established) => event.apply(&mut established.assignment),
            Self::Compensating(_) | Self::Void(_) => {}
        }
        None
    }
}

impl Attempt {
    /// The event of the call, once it is taken.
    pub fn called(&self) -> CleanCalled {
        let Request { location, cost, .. } = self.request.clone();
        CleanCalled {
            call_id: self.id.get(),
            attempt: self.number,
            location,
            cost: cost.map(Positive::get),
            customer: self.customer.as_ref().map(|customer| customer.as_str().to_owned()),
        }
    }
}

impl Established {
    /// The status. A call that was cancelled stays so.
    pub const fn status(&self) -> Status {
        self.assignment.status(self.canceled)
    }
}

/// A call that was taken now.
impl From<Attempt> for Established {
    fn from(attempt: Attempt) -> Self {
        Self { attempt, assignment: Assignment::default(), canceled: false }
    }
}

impl From<Established> for Call {
    fn from(established: Established) -> Self {
        Self::Established(established)
    }
}
