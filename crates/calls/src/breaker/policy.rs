//! When calls are allowed: a state machine without clock, lock or async. The time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::window::{Outcome, Window};

/// When the breaker opens, and how it closes again.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Number of outcomes in the window.
    pub window: u32,
    /// Minimum number of outcomes before it may open.
    pub min_calls: u32,
    /// Share of failed calls at which it opens.
    pub failure_rate: f64,
    /// A call that takes longer than this is slow.
    pub slow_call: Duration,
    /// Share of slow calls at which it opens.
    pub slow_rate: f64,
    /// How long it stays open before it allows probes.
    pub open_for: Duration,
    /// Number of probes that must succeed before it closes.
    pub probes: u32,
}

/// The state, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    HalfOpen,
    Open,
}

/// The result of a call, as far as the callee is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallResult {
    Succeeded,
    Failed,
}

/// The right to make one call. It is recorded or released exactly once, so it cannot be copied.
#[derive(Debug)]
pub(super) struct Ticket {
    epoch: u64,
    started: Instant,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { in_flight: u32, succeeded: u32 },
}

#[derive(Debug)]
pub(super) struct Policy {
    rules: Rules,
    state: State,
    /// Incremented with every state, to recognize calls of an earlier one.
    epoch: u64,
}

impl Policy {
    pub(super) fn new(rules: Rules) -> Self {
        let state = State::Closed(Window::new(rules.window));
        Policy { rules, state, epoch: 0 }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Closed(_) => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Allows a call, or returns the time after which to retry.
    pub(super) fn try_acquire(&mut self, now: Instant) -> Result<Ticket, Duration> {
        self.half_open_when_due(now);
        match &mut self.state {
            State::Closed(_) => {}
            State::Open { until } => return Err(until.duration_since(now)),
            State::HalfOpen { in_flight, succeeded } if *in_flight + *succeeded < self.rules.probes => *in_flight += 1,
            // All probes are in flight. A probe that takes longer than this has failed.
            State::HalfOpen { .. } => return Err(self.rules.slow_call),
        }
        Ok(Ticket { epoch: self.epoch, started: now })
    }

    /// How long calls are rejected; `None` if the next one may be allowed.
    pub(super) fn unavailable_for(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } => until.checked_duration_since(now).filter(|left| !left.is_zero()),
            State::Closed(_) | State::HalfOpen { .. } => None,
        }
    }

    /// Records the result of a call of the current state. Results of an earlier state are ignored: calls sent before
    /// the breaker opened may end long after.
    pub(super) fn record(&mut self, Ticket { epoch, started }: Ticket, result: CallResult, now: Instant) {
        if epoch != self.epoch {
            return;
        }
        let slow = now.duration_since(started) > self.rules.slow_call;
        let outcome = Outcome { failed: result == CallResult::Failed, slow };
        match &mut self.state {
            State::Closed(window) => window.push(outcome),
            State::HalfOpen { in_flight, succeeded } => {
                *in_flight -= 1;
                *succeeded += u32::from(outcome.is_success());
            }
            State::Open { .. } => {}
        }
        self.evaluate(outcome, now);
    }

    /// Releases a ticket whose call ended without a result.
    pub(super) fn release(&mut self, Ticket { epoch, .. }: Ticket) {
        if let State::HalfOpen { in_flight, .. } = &mut self.state
            && epoch == self.epoch
        {
            *in_flight -= 1;
        }
    }

    fn half_open_when_due(&mut self, now: Instant) {
        if let State::Open { until } = self.state
            && until <= now
        {
            self.enter(State::HalfOpen { in_flight: 0, succeeded: 0 });
        }
    }

    fn evaluate(&mut self, last: Outcome, now: Instant) {
        match &self.state {
            State::Closed(window) if self.exceeds_thresholds(window) => self.open(now),
            State::HalfOpen { .. } if !last.is_success() => self.open(now),
            State::HalfOpen { succeeded, .. } if *succeeded == self.rules.probes => {
                self.enter(State::Closed(Window::new(self.rules.window)));
            }
            State::Closed(_) | State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    fn exceeds_thresholds(&self, window: &Window) -> bool {
        window.calls() >= self.rules.min_calls
            && (window.failure_rate() >= self.rules.failure_rate || window.slow_rate() >= self.rules.slow_rate)
    }

    fn open(&mut self, now: Instant) {
        self.enter(State::Open { until: now + self.rules.open_for });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}
