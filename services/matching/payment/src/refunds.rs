use std::sync::Arc;
use std::time::Duration;

use chassis::Host;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::provider::Provider;
use crate::store::PaymentStore;

/// How often it looks though nobody woke it: for what a process that died has left.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Refunds asked for in one go.
const AT_ONCE: i64 = 500;

/// Makes the provider give back what is cancelled, until it has said that it did. Wake it with what is returned.
///
/// A payment is cancelled in one transaction with its event; the provider cannot be part of that, so it is asked after,
/// again and again if need be.
pub fn start(payments: PaymentStore, provider: Arc<dyn Provider>, host: &Host) -> Arc<Notify> {
    let wake = Arc::new(Notify::new());
    let (woken, stop) = (Arc::clone(&wake), host.stopping());
    host.spawn("refunds", async move {
        while !stop.is_cancelled() {
            stop.run_until_cancelled(timeout(LOOK_AGAIN, woken.notified())).await;
            if let Err(error) = refund_due(&payments, provider.as_ref()).await {
                tracing::warn!(%error, "refunds wait for the store");
            }
        }
    });
    wake
}

async fn refund_due(payments: &PaymentStore, provider: &dyn Provider) -> Result<(), sqlx::Error> {
    loop {
        let due = payments.refunds_due(AT_ONCE).await?;
        let mut refunded = 0;
        for bill in &due {
            match provider.refund(bill).await {
                Ok(()) => {
                    payments.refunded(bill).await?;
                    refunded += 1;
                }
                Err(error) => tracing::warn!(match_id = bill.match_id, %error, "not refunded yet"),
            }
        }
        if refunded < due.len() || due.is_empty() {
            return Ok(());
        }
    }
}
