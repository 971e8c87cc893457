use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use events::{DecodeError, Envelope, EventSet, decode};
use match_contract::{MatchCanceled, MatchEvent};
use messaging::{Outbox, Policies, Received, Saying};
use payment_contract::PaymentEvent;
use store::Tx;
use tokio::sync::Notify;

use crate::store::PaymentStore;

/// Whenever a match is cancelled: its payment is cancelled.
pub struct PaymentPolicies {
    payments: PaymentStore,
    refunds: Arc<Notify>,
}

impl PaymentPolicies {
    /// Policies on these payments. `refunds` wakes the refund task.
    pub fn new(payments: PaymentStore, refunds: Arc<Notify>) -> Self {
        Self { payments, refunds }
    }
}

#[async_trait]
impl Policies for PaymentPolicies {
    type Event = MatchCanceled;

    const CONTEXTS: &'static [&'static str] = &[MatchEvent::CONTEXT];

    fn decode(&self, envelope: &Envelope) -> Result<Option<MatchCanceled>, DecodeError> {
        // Requests are none of its business: it must not fail on what it does not read.
        if envelope.kind == "MatchRequested" {
            return Ok(None);
        }
        Ok(match decode::<MatchEvent>(&envelope.kind, &envelope.data)? {
            Some(MatchEvent::MatchCanceled(event)) => Some(event),
            Some(MatchEvent::MatchRequested(_)) | None => None,
        })
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<MatchCanceled>],
        _outbox: &Outbox,
        saying: &mut Saying,
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<i64> = events.iter().map(|received| received.event.id).collect();
        let mut payments = self.payments.lock(tx, &ids).await?;
        let mut changed = BTreeMap::new();
        for received in events {
            let Some(payment) = payments.get_mut(&received.event.id) else { continue };
            let Some((canceled, event)) = payment.follow(&received.event) else { continue };
            *payment = canceled;
            changed.insert(received.event.id, canceled);
            if let Some(event) = event {
                self.payments.say(saying, &PaymentEvent::PaymentCanceled(event), received.trace)?;
            }
        }
        self.payments.write(tx, &changed.into_values().collect::<Vec<_>>()).await
    }

    async fn applied(&self, _events: &[Received<MatchCanceled>]) {
        self.refunds.notify_one();
    }
}
