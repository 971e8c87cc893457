use ambient::Timestamp;
use context::StepLog;
use events::{Inbound, Never, Projection};
use match_contract::{MatchCanceled, MatchRequested, Step};
use payment_contract::{PaymentApproved, PaymentCanceled};
use store::Row;
use visit_contract::{VisitAssigned, VisitCanceled};

/// A row of `my_pages`, and the state that events are folded into. An unknown part is `None`.
#[derive(Debug, Clone, Default, PartialEq, Row)]
#[row(table = "my_pages", key = "id", owner = "student")]
#[expect(missing_docs, reason = "the names of the columns, which are the words of the business")]
pub struct MyPage {
    pub id: i64,
    /// The latest attempt that is known; 0 before the first event.
    pub attempt: i64,
    /// A match that was requested without authentication has none.
    pub student: Option<String>,
    pub price: Option<i64>,
    pub teacher: Option<String>,
    pub visit_date: Option<String>,
    pub match_requested_at: Option<Timestamp>,
    pub payment_approved_at: Option<Timestamp>,
    pub visit_assigned_at: Option<Timestamp>,
    pub match_canceled_at: Option<Timestamp>,
    pub payment_canceled_at: Option<Timestamp>,
    pub visit_canceled_at: Option<Timestamp>,
    /// The order in which the steps became known: see [`StepLog::record`].
    pub step_order: String,
}

/// The events that a page shows.
#[derive(Debug, Clone, Inbound)]
#[inbound(epoch = "attempt")]
#[expect(missing_docs, reason = "the names of the events")]
pub enum PageEvent {
    MatchRequested(MatchRequested),
    MatchCanceled(MatchCanceled),
    PaymentApproved(PaymentApproved),
    PaymentCanceled(PaymentCanceled),
    VisitAssigned(VisitAssigned),
    VisitCanceled(VisitCanceled),
}

impl Projection for MyPage {
    type Event = PageEvent;
    type Emits = Never;

    fn begin(id: i64, attempt: i64) -> Self {
        Self { id, attempt, ..Self::default() }
    }

    fn epoch(&self) -> i64 {
        self.attempt
    }

    fn apply(&mut self, event: &PageEvent, at: Timestamp) -> Option<Never> {
        match event {
            PageEvent::MatchRequested(event) => {
                (self.match_requested_at, self.price) = (Some(at), Some(event.price));
                self.student.clone_from(&event.student);
            }
            PageEvent::PaymentApproved(event) => (self.payment_approved_at, self.price) = (Some(at), Some(event.price)),
            PageEvent::PaymentCanceled(event) => (self.payment_canceled_at, self.price) = (Some(at), Some(event.price)),
            PageEvent::VisitAssigned(event) => {
                (self.visit_assigned_at, self.teacher) = (Some(at), Some(event.teacher.clone()));
                self.visit_date = Some(event.visit_date.clone());
            }
            PageEvent::MatchCanceled(_) => self.match_canceled_at = Some(at),
            PageEvent::VisitCanceled(_) => self.visit_canceled_at = Some(at),
        }
        self.step_order = self.log().record();
        None
    }
}

impl MyPage {
    /// The known steps in the order of [`Step::ALL`], each with its time.
    pub fn steps(&self) -> impl Iterator<Item = (Step, Timestamp)> {
        Step::ALL.into_iter().zip(self.times()).filter_map(|(step, at)| Some((step, at?)))
    }

    /// The known steps in the order in which they became known.
    pub fn log(&self) -> StepLog {
        StepLog::new(self.attempt, &self.step_order, &self.times().map(|at| at.is_some()))
    }

    /// In the order of [`Step::ALL`].
    pub(crate) fn times(&self) -> [Option<Timestamp>; Step::ALL.len()] {
        let [requested, approved, assigned] =
            [self.match_requested_at, self.payment_approved_at, self.visit_assigned_at];
        [requested, approved, assigned, self.match_canceled_at, self.payment_canceled_at, self.visit_canceled_at]
    }
}
