use std::sync::Arc;
use std::time::Duration;

use ambient::Timestamp;
use chassis::Host;
use events::TraceContext;
use futures_util::{StreamExt, stream};
use store::sqlx::Error;
use tokio::time::timeout;

use crate::saga::store::Stored;
use crate::saga::{Definition, Phase, Reply, Saga};

/// The gauge of attempts that the recovery has to end. A request that is being answered is not among them.
const IN_RECOVERY: &str = "saga_attempts_in_recovery";

/// Attempts that are taken over at a time.
const BATCH_SIZE: i64 = 100;

/// Attempts that are recovered concurrently.
const CONCURRENCY: usize = 8;

/// How long other replicas leave an attempt alone that was taken over. Each transition renews it.
const LEASE: Duration = Duration::from_secs(2);

impl<D: Definition> Saga<D> {
    /// Starts the recovery in the background: when an attempt is handed over, and at this interval.
    pub fn start_recovery(self: &Arc<Self>, host: &Host, interval: Duration) {
        metrics::describe_gauge!(IN_RECOVERY, "Attempts of a saga that the recovery has to end, by saga");
        let (saga, stop) = (Arc::clone(self), host.stopping());
        host.spawn("recovery", async move {
            while !stop.is_cancelled() {
                stop.run_until_cancelled(timeout(interval, saga.recovery.notified())).await;
                match saga.recover_due().await {
                    Ok(0) => {}
                    Ok(ended) => tracing::info!(saga = D::NAME, ended, "the recovery has ended attempts"),
                    Err(error) => tracing::warn!(saga = D::NAME, %error, "the recovery lost the store"),
                }
                saga.measure().await;
            }
        });
    }

    /// Waits until an attempt is handed over in this process.
    pub async fn handed_over(&self) {
        self.recovery.notified().await;
    }

    /// Sets the gauge. What stays above zero waits for a participant.
    async fn measure(&self) {
        if let Ok(attempts) = self.store.in_recovery().await {
            let attempts = f64::from(u32::try_from(attempts).unwrap_or(u32::MAX));
            metrics::gauge!(IN_RECOVERY, "saga" => D::NAME).set(attempts);
        }
    }

    /// Recovers all attempts that are due. Returns the number of those that are at rest now.
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn recover_due(&self) -> Result<usize, Error> {
        let mut ended = 0;
        loop {
            let due = self.store.take_over(self.clock.now(), LEASE, BATCH_SIZE).await?;
            let taken = due.len();
            let recoveries = stream::iter(due).map(|stored| self.recover(stored)).buffer_unordered(CONCURRENCY);
            let done = recoveries.filter(|done| std::future::ready(*done)).count().await;
            ended += done;
            // The others are leased. If none has ended, a participant is unavailable, and the next round is soon enough.
            if taken < usize::try_from(BATCH_SIZE).unwrap_or(0) || done == 0 {
                return Ok(ended);
            }
        }
    }

    /// Whether the attempt is at rest.
    async fn recover(&self, mut stored: Stored<D>) -> bool {
        match self.try_recover(&mut stored).await {
            Ok(ended) => ended,
            Err(error) => {
                tracing::warn!(saga = D::NAME, attempt = ?stored.attempt, %error, "a recovered step is not stored yet");
                false
            }
        }
    }

    async fn try_recover(&self, stored: &mut Stored<D>) -> Result<bool, Error> {
        if stored.phase == Phase::Completing && self.complete(stored).await? {
            return Ok(true);
        }
        if stored.phase == Phase::Compensating { self.compensate(stored).await } else { Ok(false) }
    }

    /// Repeats the step that was reached, and goes on. If a participant declines, the phase becomes `Compensating`: an
    /// earlier call of the same step may still have its effect.
    async fn complete(&self, stored: &mut Stored<D>) -> Result<bool, Error> {
        let trace = TraceContext::new(&self.ids);
        while stored.step < self.participants.len() {
            let at = (Phase::Completing, stored.step);
            match self.participants[stored.step].execute(&mut stored.attempt, &trace).await {
                Reply::Done => {}
                Reply::Declined(_) => {
                    if self.store.turn_back(&stored.attempt, stored.step, self.lease_end()).await? {
                        stored.phase = Phase::Compensating;
                    }
                    return Ok(false);
                }
                reply @ (Reply::NotSent(_) | Reply::Unknown) => {
                    tracing::debug!(saga = D::NAME, attempt = ?stored.attempt, reply = reply.name(), "not completed yet");
                    return Ok(false);
                }
            }
            if !self.store.step_done(&stored.attempt, at, self.lease_end(), trace).await? {
                return Ok(false);
            }
            stored.step += 1;
        }
        Ok(true)
    }

    /// Compensates the step that was reached, which may have had an effect, and then those before it. A step is
    /// compensated only after the confirmation of its successor is stored.
    async fn compensate(&self, stored: &Stored<D>) -> Result<bool, Error> {
        for step in (0..=stored.step).rev() {
            if let Err(reason) = self.participants[step].compensate(&stored.attempt).await {
                tracing::debug!(saga = D::NAME, attempt = ?stored.attempt, reason = reason.0, "not compensated yet");
                return Ok(false);
            }
            if !self.store.step_compensated(&stored.attempt, step, self.lease_end()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lease_end(&self) -> Timestamp {
        self.clock.now().plus(LEASE)
    }
}
