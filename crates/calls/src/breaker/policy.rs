//! When calls are let through. No clock, no lock, no async: the time is passed in.

use std::time::Duration;

use tokio::time::Instant;

use super::window::{Outcome, Window};

/// When the breaker opens, and how it closes again.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How many outcomes it looks back on.
    pub window: u32,
    /// How many outcomes it needs before it judges.
    pub min_calls: u32,
    /// The share of failed calls at which it opens.
    pub failure_rate: f64,
    /// A call that takes longer than this is slow.
    pub slow_call: Duration,
    /// The share of slow calls at which it opens.
    pub slow_rate: f64,
    /// How long it stays open before it lets probes through.
    pub open_for: Duration,
    /// How many probes must succeed before it closes.
    pub probes: u32,
}

/// Where the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Closed,
    HalfOpen,
    Open,
}

/// How a call went, as far as the callee is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Failed,
}

/// The right to make one call. It is settled or given back, once; a copy could be settled twice.
#[derive(Debug)]
pub(super) struct Ticket {
    generation: u64,
    since: Instant,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { on_their_way: u32, good: u32 },
}

#[derive(Debug)]
pub(super) struct Policy {
    rules: Rules,
    state: State,
    /// Counts the states there have been, so that the outcome of a call from an earlier one is known as such.
    generation: u64,
}

impl Policy {
    pub(super) fn new(rules: Rules) -> Self {
        let state = State::Closed(Window::new(rules.window));
        Policy { rules, state, generation: 0 }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Closed(_) => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Lets a call through, or says when to come back.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        self.open_half_when_due(now);
        match &mut self.state {
            State::Closed(_) => {}
            State::Open { until } => return Err(until.duration_since(now)),
            State::HalfOpen { on_their_way, good } if *on_their_way + *good < self.rules.probes => *on_their_way += 1,
            // All probes are out. One that has not come back after this long has failed.
            State::HalfOpen { .. } => return Err(self.rules.slow_call),
        }
        Ok(Ticket { generation: self.generation, since: now })
    }

    /// How long calls will be refused from now on; `None` if the next one may be let through.
    pub(super) fn refusal(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open { until } => until.checked_duration_since(now).filter(|left| !left.is_zero()),
            State::Closed(_) | State::HalfOpen { .. } => None,
        }
    }

    /// Takes note of how a call went that was let through in the present state. An older one says nothing about now:
    /// calls sent before the breaker opened come back long after, good and bad.
    pub(super) fn settle(&mut self, Ticket { generation, since }: Ticket, verdict: Verdict, now: Instant) {
        if generation != self.generation {
            return;
        }
        let slow = now.duration_since(since) > self.rules.slow_call;
        let outcome = Outcome { failed: verdict == Verdict::Failed, slow };
        match &mut self.state {
            State::Closed(window) => window.push(outcome),
            State::HalfOpen { on_their_way, good } => {
                *on_their_way -= 1;
                *good += u32::from(outcome.is_good());
            }
            State::Open { .. } => {}
        }
        self.judge(outcome, now);
    }

    /// Takes a ticket back unused: its call ended without saying anything about the callee.
    pub(super) fn give_back(&mut self, Ticket { generation, .. }: Ticket) {
        if let State::HalfOpen { on_their_way, .. } = &mut self.state
            && generation == self.generation
        {
            *on_their_way -= 1;
        }
    }

    fn open_half_when_due(&mut self, now: Instant) {
        if let State::Open { until } = self.state
            && until <= now
        {
            self.enter(State::HalfOpen { on_their_way: 0, good: 0 });
        }
    }

    fn judge(&mut self, last: Outcome, now: Instant) {
        match &self.state {
            State::Closed(window) if self.is_too_bad(window) => self.open(now),
            State::HalfOpen { .. } if !last.is_good() => self.open(now),
            State::HalfOpen { good, .. } if *good == self.rules.probes => {
                self.enter(State::Closed(Window::new(self.rules.window)));
            }
            State::Closed(_) | State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    fn is_too_bad(&self, window: &Window) -> bool {
        window.calls() >= self.rules.min_calls
            && (window.failure_rate() >= self.rules.failure_rate || window.slow_rate() >= self.rules.slow_rate)
    }

    fn open(&mut self, now: Instant) {
        self.enter(State::Open { until: now + self.rules.open_for });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}
