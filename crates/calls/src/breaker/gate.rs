//! The policy behind a lock, with the time and a voice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use tokio::time::Instant;

use super::policy::{Phase, Policy, Rules, Ticket, Verdict};

/// Lets callers in as its policy says. The lock is held for a few comparisons, never for a call.
pub(super) struct Gate {
    name: &'static str,
    policy: Mutex<Policy>,
    state: Gauge,
}

impl Gate {
    pub(super) fn new(name: &'static str, rules: Rules) -> Self {
        let state = metrics::gauge!("call_breaker_state", "call" => name);
        state.set(level(Phase::Closed));
        Gate { name, policy: Mutex::new(Policy::new(rules)), state }
    }

    /// A permit, or when to come back.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Permit, Duration> {
        let ticket = self.ask(Policy::admit)?;
        Ok(Permit { gate: Arc::clone(self), ticket: Some(ticket) })
    }

    /// How long the gate stays shut, if it is.
    pub(super) fn refusal(&self) -> Option<Duration> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner).refusal(Instant::now())
    }

    fn ask<T>(&self, question: impl FnOnce(&mut Policy, Instant) -> T) -> T {
        let (answer, change) = self.ask_locked(question);
        // Told after the lock is gone: writing a log line may take long.
        if let Some(phase) = change {
            self.tell(phase);
        }
        answer
    }

    fn ask_locked<T>(&self, question: impl FnOnce(&mut Policy, Instant) -> T) -> (T, Option<Phase>) {
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        let before = policy.phase();
        let answer = question(&mut policy, Instant::now());
        let phase = policy.phase();
        if phase == before {
            return (answer, None);
        }
        // Set under the lock: of two changes the gauge must show the later one.
        self.state.set(level(phase));
        (answer, Some(phase))
    }

    fn tell(&self, phase: Phase) {
        let call = self.name;
        match phase {
            Phase::Open => tracing::warn!(call, "the breaker has opened: calls are refused"),
            Phase::HalfOpen => tracing::info!(call, "the breaker is half-open: probes are let through"),
            Phase::Closed => tracing::info!(call, "the breaker has closed: calls are let through"),
        }
    }
}

/// What the gauge shows. It shows an open breaker until the first call that finds it half-open.
fn level(phase: Phase) -> f64 {
    match phase {
        Phase::Closed => 0.0,
        Phase::HalfOpen => 1.0,
        Phase::Open => 2.0,
    }
}

/// Held during a call. Dropped without a verdict, as when the caller goes away, it gives its place back: a half-open
/// breaker would otherwise wait for that probe for ever.
pub(super) struct Permit {
    gate: Arc<Gate>,
    ticket: Option<Ticket>,
}

impl Permit {
    pub(super) fn settle(mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.ask(|policy, now| policy.settle(ticket, verdict, now));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.ask(|policy, _| policy.give_back(ticket));
        }
    }
}
