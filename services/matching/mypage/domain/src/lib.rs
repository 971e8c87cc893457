//! What a student sees of a match: all steps that are known, whatever the order in which they became known.

mod seen;

use ambient::Timestamp;
use match_contract::{Attempt, MatchEvent, Step};
use payment_contract::PaymentEvent;
use visit_contract::VisitEvent;

pub use seen::{NeverSeen, Seen};

/// The page of one match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyPage {
    /// The match.
    pub id: i64,
    /// The latest attempt that is known; 0 before any is.
    pub attempt: Attempt,
    /// Whose page it is, once that is known. It never is if the match was requested while the fleet ran open.
    pub student: Option<String>,
    /// What the student pays.
    pub price: Option<i64>,
    /// The tutor's name.
    pub teacher: Option<String>,
    /// The day of the visit, such as `2021-01-21`.
    pub visit_date: Option<String>,
    /// When each step happened, in the order of [`Step::ALL`].
    pub happened: [Option<Timestamp>; Step::ALL.len()],
}

/// An event of any context that concerns a page, with the time when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Of the match.
    Match(MatchEvent, Timestamp),
    /// Of its payment.
    Payment(PaymentEvent, Timestamp),
    /// Of its visit.
    Visit(VisitEvent, Timestamp),
}

impl News {
    /// The match that it is about.
    pub fn id(&self) -> i64 {
        use events::EventSet as _;
        match self {
            Self::Match(event, _) => event.correlation_id(),
            Self::Payment(event, _) => event.correlation_id(),
            Self::Visit(event, _) => event.correlation_id(),
        }
    }

    fn step(&self) -> (Attempt, Step, Timestamp) {
        match self {
            Self::Match(MatchEvent::MatchRequested(e), at) => (e.attempt, Step::MatchRequested, *at),
            Self::Match(MatchEvent::MatchCanceled(e), at) => (e.attempt, Step::MatchCanceled, *at),
            Self::Payment(PaymentEvent::PaymentApproved(e), at) => (e.attempt, Step::PaymentApproved, *at),
            Self::Payment(PaymentEvent::PaymentCanceled(e), at) => (e.attempt, Step::PaymentCanceled, *at),
            Self::Visit(VisitEvent::VisitAssigned(e), at) => (e.attempt, Step::VisitAssigned, *at),
            Self::Visit(VisitEvent::VisitCanceled(e), at) => (e.attempt, Step::VisitCanceled, *at),
        }
    }
}

impl MyPage {
    /// The page of a match of which nothing is known yet.
    pub const fn unknown(id: i64) -> Self {
        let happened = [None; Step::ALL.len()];
        Self { id, attempt: 0, student: None, price: None, teacher: None, visit_date: None, happened }
    }

    /// Takes an event in. Order and repetition do not matter.
    pub fn learn(&mut self, news: &News) {
        let (attempt, step, at) = news.step();
        if attempt < self.attempt {
            return;
        }
        if attempt > self.attempt {
            *self = Self { attempt, ..Self::unknown(self.id) };
        }
        self.happened[step as usize] = Some(at);
        match news {
            News::Match(MatchEvent::MatchRequested(event), _) => {
                self.price = Some(event.price);
                self.student.clone_from(&event.student);
            }
            News::Payment(PaymentEvent::PaymentApproved(event), _) => self.price = Some(event.price),
            News::Payment(PaymentEvent::PaymentCanceled(event), _) => self.price = Some(event.price),
            News::Visit(VisitEvent::VisitAssigned(event), _) => {
                self.teacher = Some(event.teacher.clone());
                self.visit_date = Some(event.visit_date.clone());
            }
            News::Match(MatchEvent::MatchCanceled(_), _) | News::Visit(VisitEvent::VisitCanceled(_), _) => {}
        }
    }

    /// The furthest step that is known; `None` before any is.
    pub fn status(&self) -> Option<Step> {
        self.steps().last().map(|(step, _)| step)
    }

    /// The steps that are known, in their order, each with the time when it happened.
    pub fn steps(&self) -> impl Iterator<Item = (Step, Timestamp)> {
        Step::ALL.into_iter().zip(self.happened).filter_map(|(step, at)| at.map(|at| (step, at)))
    }
}
