use std::collections::BTreeSet;

use async_trait::async_trait;
use events::{DecodeError, Envelope, EventSet, decode};
use match_contract::MatchEvent;
use messaging::{Outbox, Policies, Received, Saying};
use payment_contract::PaymentEvent;
use store::Tx;
use visit_contract::VisitEvent;
use visit_domain::News;

use crate::store::VisitStore;

/// Whenever a payment is approved: the request is listed.
/// Whenever a match or its payment is cancelled: the request is taken off the list, or the visit is cancelled.
pub struct VisitPolicies {
    visits: VisitStore,
}

impl VisitPolicies {
    /// Policies on these visits.
    pub fn new(visits: VisitStore) -> Self {
        Self { visits }
    }
}

#[async_trait]
impl Policies for VisitPolicies {
    type Event = News;

    const CONTEXTS: &'static [&'static str] = &[MatchEvent::CONTEXT, PaymentEvent::CONTEXT];

    fn decode(&self, envelope: &Envelope) -> Result<Option<News>, DecodeError> {
        // A request is none of its business until it is paid: it must not fail on what it does not read.
        if envelope.kind == "MatchRequested" {
            return Ok(None);
        }
        if let Some(event) = decode::<PaymentEvent>(&envelope.kind, &envelope.data)? {
            return Ok(Some(match event {
                PaymentEvent::PaymentApproved(event) => News::Approved(event, envelope.time),
                PaymentEvent::PaymentCanceled(event) => News::PaymentCanceled(event),
            }));
        }
        Ok(match decode::<MatchEvent>(&envelope.kind, &envelope.data)? {
            Some(MatchEvent::MatchCanceled(event)) => Some(News::MatchCanceled(event)),
            Some(MatchEvent::MatchRequested(_)) | None => None,
        })
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<News>],
        outbox: &Outbox,
        saying: &mut Saying,
    ) -> Result<(), sqlx::Error> {
        let ids: BTreeSet<i64> = events.iter().map(|received| received.event.match_id()).collect();
        let mut cases = self.visits.lock(tx, &Vec::from_iter(ids)).await?;
        for received in events {
            let place = cases.binary_search_by_key(&received.event.match_id(), |case| case.match_id);
            let Ok(place) = place else { continue };
            if let Some(event) = cases[place].learn(&received.event) {
                outbox.say(saying, &VisitEvent::VisitCanceled(event), received.trace)?;
            }
        }
        self.visits.write(tx, &cases).await
    }
}
