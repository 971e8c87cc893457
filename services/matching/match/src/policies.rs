use async_trait::async_trait;
use events::{DecodeError, Envelope, Inbound};
use match_contract::{Attempt, Step};
use messaging::{Outbox, Policies, Received, StagedEvents};
use payment_contract::PaymentCanceled;
use store::Tx;
use visit_contract::{VisitAssigned, VisitCanceled};

use crate::store::MatchStore;

/// A match shows the furthest step that payment and visit have published.
pub struct MatchPolicies {
    matches: MatchStore,
}

/// A step of an attempt that another context has published. An approval is none: the match has the reply of payment.
#[derive(Clone, Inbound)]
#[inbound(epoch = "attempt")]
enum StepEvent {
    PaymentCanceled(PaymentCanceled),
    VisitAssigned(VisitAssigned),
    VisitCanceled(VisitCanceled),
}

impl StepEvent {
    const fn step(&self) -> Step {
        match self {
            Self::PaymentCanceled(_) => Step::PaymentCanceled,
            Self::VisitAssigned(_) => Step::VisitAssigned,
            Self::VisitCanceled(_) => Step::VisitCanceled,
        }
    }
}

impl MatchPolicies {
    /// Policies on these matches.
    pub fn new(matches: MatchStore) -> Self {
        Self { matches }
    }
}

#[async_trait]
impl Policies for MatchPolicies {
    /// The match, the attempt, and the step.
    type Event = (i64, Attempt, Step);

    const CONTEXTS: &'static [&'static str] = StepEvent::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<Self::Event>, DecodeError> {
        Ok(StepEvent::decode(envelope)?.map(|event| (event.key(), event.epoch(), event.step())))
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Self::Event>],
        _outbox: &Outbox,
        _pending: &mut StagedEvents,
    ) -> Result<(), sqlx::Error> {
        let reported: Vec<_> = events.iter().map(|received| received.event).collect();
        self.matches.apply(tx, &reported).await
    }
}
