//! The match: its phases, and what may follow.
//!
//! A request is *pending* while payment is called; no client sees it. When it is paid it is *established*. If the outcome
//! of payment is unknown, it is *compensated* and then *void*: its id is free again, and only its attempt number remains.
//!
//! A match belongs to its student. For all others its id is taken, and nothing else is visible. With authentication
//! disabled, a match has no student.

mod values;

use ambient::{Subject, Timestamp};
use match_contract::{Attempt, MatchCanceled, MatchRequested, Step};
pub use values::{MatchId, OutOfRange, Price};

/// A match in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Payment is called. Other contexts may report a step before the reply of payment arrives.
    Pending(MatchAttempt, Option<Step>),
    /// Its payment is cancelled.
    Compensating(MatchAttempt),
    /// Its payment was cancelled.
    Void(MatchAttempt),
    /// It is paid, and visible.
    Established(Established),
}

/// An attempt at a match id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchAttempt {
    /// The match.
    pub id: MatchId,
    /// The number of the attempt at this id.
    pub number: Attempt,
    /// What the student pays.
    pub price: Price,
    /// The student. `None`: authentication was disabled.
    pub student: Option<Subject>,
}

/// What a student requests, under any id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the student pays.
    pub price: Price,
    /// The student. `None`: authentication is disabled.
    pub student: Option<Subject>,
}

/// A match that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// The attempt that was paid.
    pub attempt: MatchAttempt,
    /// The furthest step that is known.
    pub step: Step,
}

/// The decision about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This attempt begins.
    Begin(MatchAttempt),
    /// Another request for the same id is undecided.
    InProgress,
    /// It was established before, at the same price.
    Known(Established),
    /// It was established before, at another price.
    OtherPrice,
    /// The id belongs to another student.
    Taken,
}

/// Decides about a request, given the match of that id, if there is one.
pub fn decide(known: Option<&Match>, id: MatchId, offer: &Offer, now: Timestamp) -> Decision {
    let Offer { price, student } = offer;
    let begin = |number| Decision::Begin(MatchAttempt { id, number, price: *price, student: student.clone() });
    match known {
        None => begin(now.as_micros()),
        // Clocks of two replicas differ; attempts must grow all the same.
        Some(Match::Void(past)) => begin(now.as_micros().max(past.number + 1)),
        Some(known) if !known.attempt().is_visible_to(student.as_ref()) => Decision::Taken,
        Some(Match::Pending(..) | Match::Compensating(_)) => Decision::InProgress,
        Some(Match::Established(known)) if known.attempt.price == *price => Decision::Known(known.clone()),
        Some(Match::Established(_)) => Decision::OtherPrice,
    }
}

impl Match {
    /// The latest attempt.
    pub const fn attempt(&self) -> &MatchAttempt {
        match self {
            Self::Pending(attempt, _) | Self::Compensating(attempt) | Self::Void(attempt) => attempt,
            Self::Established(established) => &established.attempt,
        }
    }

    /// Applies a step of an attempt that another context reports. Order and repetition do not matter.
    pub fn apply(&mut self, number: Attempt, step: Step) {
        if self.attempt().number != number {
            return;
        }
        match self {
            Self::Pending(_, reported) => *reported = (*reported).max(Some(step)),
            Self::Established(established) => established.step = established.step.max(step),
            Self::Compensating(_) | Self::Void(_) => {}
        }
    }

    /// The furthest step that is known.
    pub const fn step(&self) -> Option<Step> {
        match self {
            Self::Pending(_, reported) => *reported,
            Self::Established(established) => Some(established.step),
            Self::Compensating(_) | Self::Void(_) => None,
        }
    }
}

impl MatchAttempt {
    /// Whether a student may see it. `None`: authentication is disabled, and every caller may.
    pub fn is_visible_to(&self, student: Option<&Subject>) -> bool {
        student.is_none() || self.student.as_ref() == student
    }

    /// The event of the match, once it is established.
    pub fn requested(&self) -> MatchRequested {
        let student = self.student.as_ref().map(|student| student.as_str().to_owned());
        MatchRequested { id: self.id.get(), attempt: self.number, price: self.price.get(), student }
    }
}

impl Established {
    /// A match that was established now.
    pub const fn new(attempt: MatchAttempt) -> Self {
        Self { attempt, step: Step::MatchRequested }
    }

    /// Cancels the match. `None` if it was cancelled before.
    #[must_use = "the event of a cancelled match must be published"]
    pub fn cancel(&mut self) -> Option<MatchCanceled> {
        if self.is_canceled() {
            return None;
        }
        self.step = Step::MatchCanceled;
        Some(MatchCanceled { id: self.attempt.id.get(), attempt: self.attempt.number })
    }

    /// Whether the student has cancelled it.
    pub fn is_canceled(&self) -> bool {
        self.step >= Step::MatchCanceled
    }
}
