//! The match: its states and what may follow what.
//!
//! A request is *pending* while payment is asked; nobody sees it. Paid, it is *established*. If the outcome of payment is
//! not known, it is *settling*: its payment is cancelled, whether there was one or not, and then it is *void*: as if
//! it had never been, but for its attempt number. Only whoever began an attempt asks payment for it, until it is
//! settling; from then on only the recovery does.
//!
//! A match is its student's: for all others its id is taken, and nothing else is said. While the fleet runs open nobody is
//! told apart; what was asked for then belongs to no student.

mod values;

use match_contract::{Attempt, MatchCanceled, MatchRequested, Step};
pub use values::{MatchId, NoStudent, OutOfRange, Price, Student};

use ambient::Timestamp;

/// A match in one of its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Payment is being asked.
    Pending(Pending),
    /// Its payment is being undone.
    Settling(Case),
    /// It never was.
    Void(Case),
    /// It is paid, and seen by all.
    Established(Established),
}

/// A request whose payment is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// What was asked for.
    pub case: Case,
    /// The furthest step that others have told. They may hear of the payment, and act on it, before its answer is here.
    pub heard: Option<Step>,
}

/// An attempt at a match id, with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The match.
    pub id: MatchId,
    /// Which attempt at this id it is.
    pub attempt: Attempt,
    /// What the student offers.
    pub price: Price,
    /// Who that is. `None`: the fleet ran open.
    pub student: Option<Student>,
}

/// What is asked for, whatever the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the student offers.
    pub price: Price,
    /// Who asks. `None`: the fleet runs open.
    pub student: Option<Student>,
}

/// A match that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// What was asked for.
    pub case: Case,
    /// The furthest step that is known.
    pub step: Step,
}

/// What becomes of a request for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// Nothing stands in its way: payment is to be asked for this attempt.
    Begin(Case),
    /// Another request for the same id is not decided yet.
    InProgress,
    /// It was established before, at the same price.
    Known(Established),
    /// It was established before, at another price.
    OtherPrice,
    /// The id stands for what somebody else has asked for. What that is, is not for this student.
    Taken,
}

/// Decides about a request, given the match of that id, if there is one.
pub fn request(known: Option<&Match>, id: MatchId, offer: &Offer, now: Timestamp) -> Requested {
    let student = offer.student.as_ref();
    let begin = |attempt| Requested::Begin(Case { id, attempt, price: offer.price, student: student.cloned() });
    match known {
        None => begin(now.as_micros()),
        // Clocks of two replicas differ; attempts must grow all the same.
        Some(Match::Void(past)) => begin(now.as_micros().max(past.attempt + 1)),
        Some(Match::Pending(Pending { case, .. }) | Match::Settling(case)) if case.is_for(student) => {
            Requested::InProgress
        }
        Some(Match::Established(known)) if known.case.is_for(student) => {
            if known.case.price == offer.price {
                Requested::Known(known.clone())
            } else {
                Requested::OtherPrice
            }
        }
        Some(Match::Pending(_) | Match::Settling(_) | Match::Established(_)) => Requested::Taken,
    }
}

impl Match {
    /// Learns that `attempt` at this match has come as far as `step`. Order and repetition do not matter.
    pub fn learn(&mut self, attempt: Attempt, step: Step) {
        match self {
            Self::Pending(pending) if pending.case.attempt == attempt => pending.heard = pending.heard.max(Some(step)),
            Self::Established(established) if established.case.attempt == attempt => {
                established.step = established.step.max(step);
            }
            Self::Pending(_) | Self::Settling(_) | Self::Void(_) | Self::Established(_) => {}
        }
    }
}

impl Case {
    /// Whether it concerns whoever asks. `None` is anybody: while the fleet runs open nobody is told apart.
    pub fn is_for(&self, student: Option<&Student>) -> bool {
        student.is_none() || self.student.as_ref() == student
    }

    /// The match, now that its payment is approved.
    pub fn establish(self) -> (Established, MatchRequested) {
        let student = self.student.as_ref().map(|student| student.as_str().to_owned());
        let event = MatchRequested { id: self.id.get(), attempt: self.attempt, price: self.price.get(), student };
        (Established { case: self, step: Step::MatchRequested }, event)
    }
}

impl Established {
    /// Cancels the match. `None` if it was cancelled before.
    #[must_use = "a match that is cancelled must be said to be"]
    pub fn cancel(&mut self) -> Option<MatchCanceled> {
        if self.is_canceled() {
            return None;
        }
        self.step = Step::MatchCanceled;
        Some(MatchCanceled { id: self.case.id.get(), attempt: self.case.attempt })
    }

    /// Whether the student has cancelled it.
    pub fn is_canceled(&self) -> bool {
        self.step >= Step::MatchCanceled
    }
}
