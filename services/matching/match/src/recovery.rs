use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use chassis::Host;
use futures_util::{StreamExt, stream};
use match_domain::Case;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::ports::Payments;
use crate::store::MatchStore;

/// Attempts that are taken over in one go.
const AT_ONCE: i64 = 100;

/// Requests to payment at the same time.
const SIDE_BY_SIDE: usize = 8;

/// How long an attempt is left alone after it was taken over: then whoever took it has failed, or died.
const LEASE: Duration = Duration::from_secs(2);

/// Undoes attempts whose outcome nobody knows: given up by their request, or left behind by a process that died.
pub struct Recovery {
    matches: MatchStore,
    payments: Arc<dyn Payments>,
    clock: Arc<dyn Clock>,
    every: Duration,
    wake: Arc<Notify>,
}

impl Recovery {
    /// A recovery that looks when it is woken, and `every` so often.
    pub fn new(matches: MatchStore, payments: Arc<dyn Payments>, clock: Arc<dyn Clock>, every: Duration) -> Self {
        metrics::describe_gauge!("matches_pending", "Requests whose payment is not decided");
        Self { matches, payments, clock, every, wake: Arc::new(Notify::new()) }
    }

    /// Wakes it.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Runs in the background until the process stops.
    pub fn start(self, host: &Host) {
        let stop = host.stopping();
        host.spawn("recovery", async move {
            while !stop.is_cancelled() {
                stop.run_until_cancelled(timeout(self.every, self.wake.notified())).await;
                match self.settle_due().await {
                    Ok(0) => {}
                    Ok(settled) => tracing::info!(settled, "undone: attempts whose payment was not known"),
                    Err(error) => tracing::warn!(%error, "the recovery lost the store"),
                }
                self.measure().await;
            }
        });
    }

    /// Sets the gauge: what stays above zero is waiting for payment.
    async fn measure(&self) {
        if let Ok(pending) = self.matches.pending().await {
            metrics::gauge!("matches_pending").set(f64::from(u32::try_from(pending).unwrap_or(u32::MAX)));
        }
    }

    /// Undoes all that is due, and tells how many it could.
    pub async fn settle_due(&self) -> Result<usize, sqlx::Error> {
        let mut settled = 0;
        loop {
            let due = self.matches.take_over(self.clock.now(), LEASE, AT_ONCE).await?;
            let taken = due.len();
            let outcomes = stream::iter(due).map(|case| self.settle(case)).buffer_unordered(SIDE_BY_SIDE);
            let done = outcomes.filter(|done| std::future::ready(*done)).count().await;
            settled += done;
            // The rest is leased; if nothing worked, payment is away and the next round comes soon enough.
            if taken < usize::try_from(AT_ONCE).unwrap_or(0) || done == 0 {
                return Ok(settled);
            }
        }
    }

    async fn settle(&self, case: Case) -> bool {
        if let Err(unsettled) = self.payments.cancel(&case).await {
            tracing::debug!(id = case.id.get(), reason = unsettled.0, "not undone yet");
            return false;
        }
        match self.matches.void(&case).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(id = case.id.get(), %error, "undone, but not written down yet");
                false
            }
        }
    }
}
