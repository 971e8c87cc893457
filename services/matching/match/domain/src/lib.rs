//! The match: its phases, and what may follow.
//!
//! A request is *pending* while payment is called; no client sees it. When it is paid it is *established*. If the outcome
//! of payment is unknown, it is *compensated* and then *void*: its id is free again, and only its attempt number remains.
//!
//! A match belongs to its student. For all others its id is taken, and nothing else is visible. With authentication
//! disabled, a match has no student.

use ambient::{Positive, Subject, Timestamp};
use events::{Aggregate, Decision, Inbound, Never, next_epoch};
use match_contract::{Attempt, MatchCanceled, MatchRequested, Step};
use payment_contract::PaymentCanceled;
use visit_contract::{VisitAssigned, VisitCanceled};

/// The id of a match, and of what belongs to it in other contexts.
pub type MatchId = Positive;

/// What a student pays.
pub type Price = Positive;

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

/// A step of an attempt that another context has published. An approval is none: the match has the reply of payment.
#[derive(Debug, Clone, PartialEq, Eq, Inbound)]
#[inbound(epoch = "attempt")]
pub enum StepEvent {
    /// The payment was cancelled.
    PaymentCanceled(PaymentCanceled),
    /// A visit was assigned.
    VisitAssigned(VisitAssigned),
    /// The visit was cancelled.
    VisitCanceled(VisitCanceled),
}

impl events::Offer for Offer {
    type State = Match;
    type Attempt = MatchAttempt;
    type Established = Established;

    fn owner(&self) -> Option<&Subject> {
        self.student.as_ref()
    }

    fn content(&self) -> String {
        self.price.get().to_string()
    }

    fn decide(&self, known: Option<&Match>, id: MatchId, now: Timestamp) -> Decision<MatchAttempt, Established> {
        let Self { price, student } = self.clone();
        let begin = |latest| MatchAttempt { id, number: next_epoch(now, latest), price, student: student.clone() };
        match known {
            None => Decision::Begin(begin(None)),
            Some(Match::Void(past)) => Decision::Begin(begin(Some(past.number))),
            // Without authentication every client may see every match.
            Some(known) if student.is_some() && known.attempt().student != student => Decision::Taken,
            Some(Match::Pending(..) | Match::Compensating(_)) => Decision::InProgress,
            Some(Match::Established(known)) if known.attempt.price == price => Decision::Known(known.clone()),
            Some(Match::Established(_)) => Decision::Different,
        }
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

    /// The match, if it is paid.
    pub const fn established(&self) -> Option<&Established> {
        if let Self::Established(established) = self { Some(established) } else { None }
    }
}

impl Aggregate for Match {
    type Event = StepEvent;
    type Emits = Never;

    fn epoch(&self) -> Attempt {
        self.attempt().number
    }

    /// The furthest step counts: order and repetition do not matter.
    fn apply(&mut self, event: &StepEvent, _at: Timestamp) -> Option<Never> {
        let step = match event {
            StepEvent::PaymentCanceled(_) => Step::PaymentCanceled,
            StepEvent::VisitAssigned(_) => Step::VisitAssigned,
            StepEvent::VisitCanceled(_) => Step::VisitCanceled,
        };
        match self {
            Self::Pending(_, reported) => *reported = (*reported).max(Some(step)),
            Self::Established(established) => established.step = established.step.max(step),
            Self::Compensating(_) | Self::Void(_) => {}
        }
        None
    }
}

impl MatchAttempt {
    /// The event of the match, once it is established.
    pub fn requested(&self) -> MatchRequested {
        let student = self.student.as_ref().map(|student| student.as_str().to_owned());
        MatchRequested { id: self.id.get(), attempt: self.number, price: self.price.get(), student }
    }
}

impl Established {
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

/// A match that was established now.
impl From<MatchAttempt> for Established {
    fn from(attempt: MatchAttempt) -> Self {
        Self { attempt, step: Step::MatchRequested }
    }
}

impl From<Established> for Match {
    fn from(established: Established) -> Self {
        Self::Established(established)
    }
}
