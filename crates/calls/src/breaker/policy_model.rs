//! The policy against a model of it, under whatever may happen.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

use super::policy::Phase::{self, Closed, HalfOpen, Open};
use super::policy::Verdict::{self, Answered, Failed};
use super::policy::{Policy, Ticket};
use super::policy_tests::rules;

/// What the policy should do, told the long way: everything is remembered and counted anew each time.
struct Model {
    phase: Phase,
    /// Which phase this is, counted from the start.
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
            Closed => self.last_calls_are_bad(),
            HalfOpen => failed || slow,
            Open => unreachable!("no call of this period"),
        };
        if bad {
            self.enter(Open, now);
        } else if self.phase == HalfOpen && self.ended.len() == rules().probes as usize {
            self.enter(Closed, now);
        }
    }

    fn last_calls_are_bad(&self) -> bool {
        let last = &self.ended[self.ended.len().saturating_sub(rules().window as usize)..];
        let failed = last.iter().filter(|(failed, _)| *failed).count();
        let slow = last.iter().filter(|(_, slow)| *slow).count();
        last.len() >= rules().min_calls as usize && (failed * 2 >= last.len() || slow * 4 >= last.len() * 3)
    }
}

#[derive(Debug, Clone)]
enum Event {
    Ask,
    End { which: usize, verdict: Verdict },
    Cancel { which: usize },
    Pass(Duration),
}

fn event() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![3 => Just(Answered), 1 => Just(Failed)];
    prop_oneof![
        6 => Just(Event::Ask),
        5 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Event::End { which, verdict }),
        1 => any::<usize>().prop_map(|which| Event::Cancel { which }),
        3 => (1_u64..60).prop_map(|millis| Event::Pass(Duration::from_millis(millis))),
        1 => (500_u64..1500).prop_map(|millis| Event::Pass(Duration::from_millis(millis))),
    ]
}

/// A call on its way: the ticket, the model's period, and when it began.
type OnItsWay = (Ticket, u32, Instant);

struct Comparison {
    policy: Policy,
    model: Model,
    now: Instant,
    on_their_way: Vec<OnItsWay>,
}

impl Comparison {
    fn new() -> Self {
        let now = Instant::now();
        Comparison { policy: Policy::new(rules()), model: Model::new(now), now, on_their_way: Vec::new() }
    }

    fn take(&mut self, which: usize) -> Option<OnItsWay> {
        let count = self.on_their_way.len();
        (count > 0).then(|| self.on_their_way.swap_remove(which % count))
    }

    fn happens(&mut self, event: &Event) {
        match *event {
            Event::Ask => self.asks(),
            Event::End { which, verdict } => {
                if let Some((ticket, period, since)) = self.take(which) {
                    self.policy.settle(ticket, verdict, self.now);
                    if period == self.model.period {
                        self.model.ended(verdict == Failed, self.now - since > rules().slow_call, self.now);
                    }
                }
            }
            Event::Cancel { which } => {
                if let Some((ticket, period, _)) = self.take(which) {
                    self.policy.give_back(ticket);
                    self.model.given_back += u32::from(period == self.model.period);
                }
            }
            Event::Pass(time) => self.now += time,
        }
    }

    fn asks(&mut self) {
        let expected = self.model.admits(self.now);
        let admitted = self.policy.admit(self.now);
        assert_eq!(admitted.is_ok(), expected);
        if let Ok(ticket) = admitted {
            self.model.let_through += 1;
            self.on_their_way.push((ticket, self.model.period, self.now));
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_policy_does_as_the_model_and_never_has_more_probes_than_allowed(
        events in vec(event(), 0..400),
    ) {
        let mut comparison = Comparison::new();
        for event in &events {
            comparison.happens(event);
            let model = &comparison.model;
            prop_assert_eq!(comparison.policy.phase(), model.phase);
            let probes = model.let_through - model.given_back;
            prop_assert!(model.phase != HalfOpen || probes <= rules().probes, "{} probes", probes);
        }
    }
}
