use std::sync::Arc;
use std::time::Duration;

use chassis::Host;
use futures_util::future::join_all;
use payment_domain::Bill;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::provider::Provider;
use crate::store::PaymentStore;

/// How often it looks though nobody woke it: for what a process that died has left.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Refunds that the provider is asked for at the same time.
const AT_ONCE: i64 = 50;

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
            if let Err(error) = refund_due(&payments, provider.as_ref(), &stop).await {
                tracing::warn!(%error, "refunds wait for the store");
            }
        }
    });
    wake
}

/// One round through all that is due: what the provider refuses waits for the next and holds up no other.
async fn refund_due(
    payments: &PaymentStore,
    provider: &dyn Provider,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    let mut seen = None;
    while !stop.is_cancelled() {
        let due = payments.refunds_due(seen, AT_ONCE).await?;
        seen = due.last().copied();
        if seen.is_none() {
            break;
        }
        let closed: Vec<Bill> =
            join_all(due.iter().map(|bill| refund(provider, bill))).await.into_iter().flatten().collect();
        // A bill whose end is not written down is closed again: the provider does so as often as it is asked.
        payments.refunded(&closed).await?;
    }
    Ok(())
}

/// The bill, if the provider has closed it.
async fn refund(provider: &dyn Provider, bill: &Bill) -> Option<Bill> {
    let closed = provider.refund(bill).await;
    let closed = closed.inspect_err(|error| tracing::warn!(match_id = bill.match_id, %error, "not refunded yet"));
    closed.is_ok().then_some(*bill)
}
