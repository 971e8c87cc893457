use async_trait::async_trait;
use events::{DecodeError, Envelope, EventSet, decode};
use match_contract::{Attempt, Step};
use messaging::{Outbox, Policies, Received, Saying};
use payment_contract::PaymentEvent;
use store::Tx;
use visit_contract::VisitEvent;

use crate::store::MatchStore;

/// Whenever a visit is assigned, a payment is cancelled, or a visit is cancelled: the match knows its furthest step.
pub struct MatchPolicies {
    matches: MatchStore,
}

/// How far a match has come elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    id: i64,
    attempt: Attempt,
    step: Step,
}

impl MatchPolicies {
    /// Policies on these matches.
    pub fn new(matches: MatchStore) -> Self {
        Self { matches }
    }
}

fn of_payment(event: &PaymentEvent) -> Option<News> {
    match event {
        // The match was told when it asked.
        PaymentEvent::PaymentApproved(_) => None,
        PaymentEvent::PaymentCanceled(e) => {
            Some(News { id: e.match_id, attempt: e.attempt, step: Step::PaymentCanceled })
        }
    }
}

fn of_visit(event: &VisitEvent) -> News {
    let (attempt, step) = match event {
        VisitEvent::VisitAssigned(event) => (event.attempt, Step::VisitAssigned),
        VisitEvent::VisitCanceled(event) => (event.attempt, Step::VisitCanceled),
    };
    News { id: event.correlation_id(), attempt, step }
}

#[async_trait]
impl Policies for MatchPolicies {
    type Event = News;

    const CONTEXTS: &'static [&'static str] = &[PaymentEvent::CONTEXT, VisitEvent::CONTEXT];

    fn decode(&self, envelope: &Envelope) -> Result<Option<News>, DecodeError> {
        // Payment's approval is none of its business: it must not fail on what it does not read.
        if envelope.kind == "PaymentApproved" {
            return Ok(None);
        }
        if let Some(event) = decode::<PaymentEvent>(&envelope.kind, &envelope.data)? {
            return Ok(of_payment(&event));
        }
        Ok(decode::<VisitEvent>(&envelope.kind, &envelope.data)?.as_ref().map(of_visit))
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<News>],
        _outbox: &Outbox,
        _saying: &mut Saying,
    ) -> Result<(), sqlx::Error> {
        let news: Vec<_> = events.iter().map(|Received { event, .. }| (event.id, event.attempt, event.step)).collect();
        self.matches.learn(tx, &news).await
    }
}
