use std::collections::BTreeMap;

use async_trait::async_trait;
use events::{DecodeError, Envelope, Inbound};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use store::Tx;
use store::sqlx::Error;

use crate::payable::Payable;
use crate::store::PaymentStore;

/// Cancels payments by the events of other contexts. An event about a payment that is unknown, cancelled or of another
/// attempt changes nothing.
pub struct Cancellations<P> {
    payments: PaymentStore<P>,
}

impl<P: Payable> Cancellations<P> {
    /// Of these payments.
    pub const fn new(payments: PaymentStore<P>) -> Self {
        Self { payments }
    }
}

#[async_trait]
impl<P: Payable> EventHandler for Cancellations<P> {
    type Event = P::Cancellation;

    const CONTEXTS: &'static [&'static str] = P::Cancellation::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<P::Cancellation>, DecodeError> {
        P::Cancellation::decode(envelope)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<P::Cancellation>],
        _outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), Error> {
        let keys: Vec<i64> = events.iter().map(|received| received.event.key()).collect();
        let mut payments = self.payments.lock(tx, &keys).await?;
        let mut changed = BTreeMap::new();
        for received in events {
            let Some(payment) = payments.get_mut(&received.event.key()) else { continue };
            let Some(canceled) = payment.canceled(received.event.epoch()) else { continue };
            self.payments.stage(pending, &canceled, received.trace)?;
            changed.insert(canceled.bill.key, canceled.clone());
            *payment = canceled;
        }
        self.payments.write(tx, &changed.into_values().collect::<Vec<_>>()).await
    }

    async fn applied(&self, _events: &[Received<P::Cancellation>]) {
        self.payments.refunds().wake();
    }
}
