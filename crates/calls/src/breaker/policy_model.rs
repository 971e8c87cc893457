//! The policy against a model, under random events.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

use super::policy::CallResult::{self, Failed, Succeeded};
use super::policy::Phase::{self, Closed, HalfOpen, Open};
use super::policy::{Policy, Ticket};
use super::policy_tests::rules;

/// The expected behaviour, without optimizations: everything is stored and counted anew each time.
struct Model {
    phase: Phase,
    /// The number of the phase, from the start.
    period: u32,
    opened_at: Instant,
    /// (failed, slow) of all calls of this period.
    ended: Vec<(bool, bool)>,
    let_through: u32,
    given_back: u32,
}

impl Model {
    fn new(now: Instant) -> Self {
        Model { phase: Closed, period: 0, opened_at: now, ended: Vec::new(), let_through: 0, given_back: 0 }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        *self = Model { phase, period: self.period + 1, ..Model::new(now) };
    }

    fn admits(&mut self, now: Instant) -> bool {
        if self.phase == Open && now >= self.opened_at + rules().open_for {
            self.enter(HalfOpen, now);
        }
        match self.phase {
            Closed => true,
            HalfOpen => self.let_through - self.given_back < rules().probes,
            Open => false,
        }
    }

    fn ended(&mut self, failed: bool, slow: bool, now: Instant) {
        self.ended.push((failed, slow));
        let bad = match self.phase {
            Closed => self.last_calls_exceed_thresholds(),
            HalfOpen => failed || slow,
            Open => unreachable!("no call of this period"),
        };
        if bad {
            self.enter(Open, now);
        } else if self.phase == HalfOpen && self.ended.len() == rules().probes as usize {
            self.enter(Closed, now);
        }
    }

    fn last_calls_exceed_thresholds(&self) -> bool {
        let last = &self.ended[self.ended.len().saturating_sub(rules().window as usize)..];
        let failed = last.iter().filter(|(failed, _)| *failed).count();
        let slow = last.iter().filter(|(_, slow)| *slow).count();
        last.len() >= rules().min_calls as usize && (failed * 2 >= last.len() || slow * 4 >= last.len() * 3)
    }
}

#[derive(Debug, Clone)]
enum Event {
    Acquire,
    End { which: usize, result: CallResult },
    Cancel { which: usize },
    Pass(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    let result = prop_oneof![3 => Just(Succeeded), 1 => Just(Failed)];
    prop_oneof![
        6 => Just(Event::Acquire),
        5 => (any::<usize>(), result).prop_map(|(which, result)| Event::End { which, result }),
        1 => any::<usize>().prop_map(|which| Event::Cancel { which }),
        3 => (1_u64..60).prop_map(|millis| Event::Pass(Duration::from_millis(millis))),
        1 => (500_u64..1500).prop_map(|millis| Event::Pass(Duration::from_millis(millis))),
    ]
}

/// A call in flight: the ticket, the model's period, and the start.
type CallInFlight = (Ticket, u32, Instant);

struct Comparison {
    policy: Policy,
    model: Model,
    now: Instant,
    in_flight: Vec<CallInFlight>,
}

impl Comparison {
    fn new() -> Self {
        let now = Instant::now();
        Comparison { policy: Policy::new(rules()), model: Model::new(now), now, in_flight: Vec::new() }
    }

    fn take(&mut self, which: usize) -> Option<CallInFlight> {
        let count = self.in_flight.len();
        (count > 0).then(|| self.in_flight.swap_remove(which % count))
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Acquire => self.acquires(),
            Event::End { which, result } => {
                if let Some((ticket, period, since)) = self.take(which) {
                    self.policy.record(ticket, result, self.now);
                    if period == self.model.period {
                        self.model.ended(result == Failed, self.now - since > rules().slow_call, self.now);
                    }
                }
            }
            Event::Cancel { which } => {
                if let Some((ticket, period, _)) = self.take(which) {
                    self.policy.release(ticket);
                    self.model.given_back += u32::from(period == self.model.period);
                }
            }
            Event::Pass(time) => self.now += time,
        }
    }

    fn acquires(&mut self) {
        let expected = self.model.admits(self.now);
        let admitted = self.policy.try_acquire(self.now);
        assert_eq!(admitted.is_ok(), expected);
        if let Ok(ticket) = admitted {
            self.model.let_through += 1;
            self.in_flight.push((ticket, self.model.period, self.now));
        }
    }
}

proptest! {
    #[test]
    fn the_policy_behaves_as_the_model_and_never_has_more_probes_than_allowed(
        events in vec(event(), 0..400),
    ) {
        let mut comparison = Comparison::new();
        for event in &events {
            comparison.apply(event);
            let model = &comparison.model;
            prop_assert_eq!(comparison.policy.phase(), model.phase);
            let probes = model.let_through - model.given_back;
            prop_assert!(model.phase != HalfOpen || probes <= rules().probes, "{} probes", probes);
        }
    }
}
