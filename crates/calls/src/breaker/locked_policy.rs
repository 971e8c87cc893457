//! The policy behind a lock, with time, logs and a gauge.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use tokio::time::Instant;

use super::policy::{CallResult, Phase, Policy, Rules, Ticket};

/// Grants permits by the policy. The lock is held for a few comparisons, never during a call.
pub(super) struct LockedPolicy {
    name: &'static str,
    policy: Mutex<Policy>,
    state: Gauge,
}

impl LockedPolicy {
    pub(super) fn new(name: &'static str, rules: Rules) -> Self {
        let state = metrics::gauge!("call_breaker_state", "call" => name);
        state.set(gauge_value(Phase::Closed));
        LockedPolicy { name, policy: Mutex::new(Policy::new(rules)), state }
    }

    /// A permit, or the time after which to retry.
    pub(super) fn try_acquire(self: &Arc<Self>) -> Result<Permit, Duration> {
        let ticket = self.update(Policy::try_acquire)?;
        Ok(Permit { policy: Arc::clone(self), ticket: Some(ticket) })
    }

    /// How long calls are rejected, if they are.
    pub(super) fn unavailable_for(&self) -> Option<Duration> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).unavailable_for(Instant::now())
    }

    fn update<T>(&self, operation: impl FnOnce(&mut Policy, Instant) -> T) -> T {
        let (result, change) = self.update_locked(operation);
        // Logged without the lock: writing a log line may take long.
        if let Some(phase) = change {
            self.log(phase);
        }
        result
    }

    fn update_locked<T>(&self, operation: impl FnOnce(&mut Policy, Instant) -> T) -> (T, Option<Phase>) {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        let before = policy.phase();
        let result = operation(&mut policy, Instant::now());
        let phase = policy.phase();
        if phase == before {
            return (result, None);
        }
        // Set under the lock: the gauge must show the later of two changes.
        self.state.set(gauge_value(phase));
        (result, Some(phase))
    }

    fn log(&self, phase: Phase) {
        let call = self.name;
        match phase {
            Phase::Open => tracing::warn!(call, "the breaker has opened: calls are refused"),
            Phase::HalfOpen => tracing::info!(call, "the breaker is half-open: probes are let through"),
            Phase::Closed => tracing::info!(call, "the breaker has closed: calls are let through"),
        }
    }
}

/// The value of the gauge. An open breaker is shown as open until the first call that finds it half-open.
fn gauge_value(phase: Phase) -> f64 {
    match phase {
        Phase::Closed => 0.0,
        Phase::HalfOpen => 1.0,
        Phase::Open => 2.0,
    }
}

/// Held during a call. If it is dropped without a result, as when the call is cancelled, it is released: otherwise a
/// half-open breaker would wait for that probe for ever.
pub(super) struct Permit {
    policy: Arc<LockedPolicy>,
    ticket: Option<Ticket>,
}

impl Permit {
    pub(super) fn record(mut self, result: CallResult) {
        if let Some(ticket) = self.ticket.take() {
            self.policy.update(|policy, now| policy.record(ticket, result, now));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.policy.update(|policy, _| policy.release(ticket));
        }
    }
}
