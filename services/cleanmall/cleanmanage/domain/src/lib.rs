//! The management of calls: what it accepts, and what becomes of what it has accepted.
//!
//! A call is accepted when it is requested, unless its place is not served or there are too many open calls. It is *withdrawn* if
//! cleancall does not know the answer, and then it never was, as far as clients can see. A withdrawal may overtake the acceptance
//! that it undoes: then it leaves a mark behind, and the acceptance is rejected. A call that its customer cancels stays in the
//! list, cancelled.

mod places;

use ambient::{Subject, Timestamp};
use cleanassign_contract::{Assignment, AssignmentCanceled, AssignmentFinished, CleanerAssigned, Progress, Status};
use cleancall_contract::CleanCallCanceled;
use cleanmanage_contract::{CleanManageCanceled, CleanManageEvent, CleanManaged};
use events::{Aggregate, Inbound, Names};
use thiserror::Error;

pub use places::{Declined, Places};

/// The latest attempt at a call, as the management knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Management {
    /// The call.
    pub call_id: i64,
    /// The attempt. Later attempts have greater numbers. 0: there was none.
    pub attempt: i64,
    /// What was requested.
    pub request: Request,
    /// The state.
    pub state: State,
    /// Its assignment.
    pub assignment: Assignment,
}

/// What cleancall requests the management to accept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The place. `None`: any place.
    pub location: Option<String>,
    /// The telephone number, masked: the management does not need it.
    pub tel: String,
    /// The customer. `None`: authentication is disabled.
    pub customer: Option<Subject>,
}

/// The state of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Names)]
pub enum State {
    /// It is accepted.
    Accepted,
    /// It was accepted, and its customer has cancelled it.
    Canceled,
    /// It is not to be, whether it was accepted or not.
    Withdrawn,
}

/// Why an attempt is not accepted although the management would: it was withdrawn, or another attempt counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this attempt was withdrawn, or another attempt at this call counts")]
pub struct Withdrawn;

/// Why an attempt is not withdrawn yet: an earlier one is accepted, and is to be withdrawn first. The caller repeats the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an earlier attempt at this call is not withdrawn yet")]
pub struct EarlierAccepted;

/// An event that changes an accepted call.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum StepEvent {
    /// The customer has cancelled the call.
    CleanCallCanceled(CleanCallCanceled),
    /// A cleaner is assigned.
    CleanerAssigned(CleanerAssigned),
    /// The work is done.
    AssignmentFinished(AssignmentFinished),
    /// The assignment is cancelled.
    AssignmentCanceled(AssignmentCanceled),
}

impl Management {
    /// Before the first attempt.
    pub fn none(call_id: i64) -> Self {
        let (request, assignment) = (Request::default(), Assignment::default());
        Self { call_id, attempt: 0, request, state: State::Withdrawn, assignment }
    }

    /// Whether this attempt was accepted before: the same request again has the same answer.
    pub const fn is_accepted(&self, attempt: i64) -> bool {
        self.attempt == attempt && matches!(self.state, State::Accepted | State::Canceled)
    }

    /// Accepts an attempt that [`Places::check`] allows.
    pub fn accept(&mut self, attempt: i64, request: Request) -> Result<CleanManaged, Withdrawn> {
        if self.attempt >= attempt || self.state != State::Withdrawn {
            return Err(Withdrawn);
        }
        let location = request.location.clone();
        let (call_id, assignment) = (self.call_id, Assignment::default());
        *self = Self { call_id, attempt, request, state: State::Accepted, assignment };
        Ok(CleanManaged { call_id, attempt, location })
    }

    /// Withdraws an attempt, whether it has arrived or not. `None`: nothing is undone by that.
    pub fn withdraw(&mut self, attempt: i64) -> Result<Option<CleanManageCanceled>, EarlierAccepted> {
        if self.attempt > attempt || (self.attempt == attempt && self.state != State::Accepted) {
            return Ok(None);
        }
        if self.attempt == attempt {
            self.state = State::Withdrawn;
            return Ok(Some(self.canceled()));
        }
        if self.state == State::Accepted {
            return Err(EarlierAccepted);
        }
        *self = Self { attempt, ..Self::none(self.call_id) };
        Ok(None)
    }

    /// The status for clients. `None`: the call never was, as far as they can see.
    pub const fn status(&self) -> Option<Status> {
        match self.state {
            State::Withdrawn => None,
            State::Accepted | State::Canceled => Some(self.assignment.status(matches!(self.state, State::Canceled))),
        }
    }

    const fn canceled(&self) -> CleanManageCanceled {
        CleanManageCanceled { call_id: self.call_id, attempt: self.attempt }
    }
}

impl Aggregate for Management {
    type Event = StepEvent;
    type Emits = CleanManageEvent;

    fn epoch(&self) -> i64 {
        self.attempt
    }

    fn apply(&mut self, event: &StepEvent, _at: Timestamp) -> Option<CleanManageEvent> {
        match event {
            StepEvent::CleanCallCanceled(_) if self.state == State::Accepted => {
                self.state = State::Canceled;
                return Some(self.canceled().into());
            }
            StepEvent::CleanCallCanceled(_) => {}
            StepEvent::CleanerAssigned(event) => self.assignment.advance(Progress::Assigned, &event.cleaner),
            StepEvent::AssignmentFinished(event) => self.assignment.advance(Progress::Finished, &event.cleaner),
            StepEvent::AssignmentCanceled(event) => self.assignment.advance(Progress::Canceled, &event.cleaner),
        }
        None
    }
}
