//! Which cleaner goes to which call.
//!
//! A call waits from its acceptance on. The one that waits for longest gets the free cleaner of its place, or of any place, who
//! is idle for longest. A cleaner has one call at a time, and a call one cleaner. A cancellation may arrive before the acceptance
//! that it undoes: then the call is never assigned.

mod cleaner;
mod dispatch;

use std::cmp::Ordering;

use ambient::Timestamp;
use cleanassign_contract::{AssignmentCanceled, AssignmentFinished, CleanerAssigned};
use cleanmanage_contract::{CleanManageCanceled, CleanManaged};
use events::Inbound;
use thiserror::Error;

pub use cleaner::{Busy, Cleaner, InvalidName, Name};
pub use dispatch::{Match, dispatch};

/// The latest attempt at a call, and its assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The call.
    pub call_id: i64,
    /// The attempt. Later attempts have greater numbers. 0: there was none.
    pub attempt: i64,
    /// The place. `None`: any place.
    pub location: Option<String>,
    /// Since when it waits, or has waited.
    pub since: Timestamp,
    /// The state.
    pub state: State,
}

/// The state of an assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It waits for a cleaner.
    Waiting,
    /// This cleaner goes there.
    Assigned(Assignee),
    /// This cleaner has done the work.
    Finished(Assignee),
    /// It is cancelled; this cleaner was assigned, if any.
    Canceled(Option<Assignee>),
}

/// The cleaner of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignee {
    /// The cleaner.
    pub id: i64,
    /// Their name at that time.
    pub name: Name,
}

/// An event of the management.
#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "attempt")]
pub enum Managed {
    /// A call is accepted.
    CleanManaged(CleanManaged),
    /// It is cancelled.
    CleanManageCanceled(CleanManageCanceled),
}

/// Why the work for a call is not done: no cleaner is assigned to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no cleaner is assigned to this call")]
pub struct NotAssigned;

impl Assignment {
    /// Before the first attempt.
    pub const fn none(call_id: i64) -> Self {
        let since = Timestamp::from_micros(0);
        Self { call_id, attempt: 0, location: None, since, state: State::Canceled(None) }
    }

    /// Applies an event of the management, which happened at `at`. Returns the cancellation of an assignment, whose cleaner is to
    /// be freed.
    pub fn apply(&mut self, event: &Managed, at: Timestamp) -> Option<AssignmentCanceled> {
        let (begins, location) = match event {
            Managed::CleanManaged(event) => (true, event.location.clone()),
            Managed::CleanManageCanceled(_) => (false, None),
        };
        match event.epoch().cmp(&self.attempt) {
            Ordering::Less => None,
            Ordering::Equal if begins => None,
            Ordering::Equal => self.cancel(),
            Ordering::Greater => {
                let canceled = self.cancel();
                let state = if begins { State::Waiting } else { State::Canceled(None) };
                *self = Self { call_id: self.call_id, attempt: event.epoch(), location, since: at, state };
                canceled
            }
        }
    }

    /// Assigns a cleaner. `None`: the call does not wait.
    pub fn assign(&mut self, assignee: Assignee) -> Option<CleanerAssigned> {
        if self.state != State::Waiting {
            return None;
        }
        let Assignee { id: cleaner_id, name } = assignee.clone();
        self.state = State::Assigned(assignee);
        Some(CleanerAssigned { call_id: self.call_id, attempt: self.attempt, cleaner_id, cleaner: name.into() })
    }

    /// The work is done. `None`: it was before.
    pub fn finish(&mut self) -> Result<Option<AssignmentFinished>, NotAssigned> {
        match &self.state {
            State::Assigned(assignee) => {
                let assignee = assignee.clone();
                let (call_id, attempt, cleaner_id) = (self.call_id, self.attempt, assignee.id);
                let cleaner = assignee.name.clone().into();
                self.state = State::Finished(assignee);
                Ok(Some(AssignmentFinished { call_id, attempt, cleaner_id, cleaner }))
            }
            State::Finished(_) => Ok(None),
            State::Waiting | State::Canceled(_) => Err(NotAssigned),
        }
    }

    /// The cleaner, if there is or was one.
    pub const fn assignee(&self) -> Option<&Assignee> {
        match &self.state {
            State::Waiting | State::Canceled(None) => None,
            State::Assigned(assignee) | State::Finished(assignee) | State::Canceled(Some(assignee)) => Some(assignee),
        }
    }

    fn cancel(&mut self) -> Option<AssignmentCanceled> {
        match &self.state {
            State::Waiting => {
                self.state = State::Canceled(None);
                None
            }
            State::Assigned(assignee) => {
                let assignee = assignee.clone();
                let (call_id, attempt, cleaner_id) = (self.call_id, self.attempt, assignee.id);
                let cleaner = assignee.name.clone().into();
                self.state = State::Canceled(Some(assignee));
                Some(AssignmentCanceled { call_id, attempt, cleaner_id, cleaner })
            }
            State::Finished(_) | State::Canceled(_) => None,
        }
    }
}
