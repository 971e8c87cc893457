//! Every fault at every step, in all combinations that a generator finds.

use std::collections::VecDeque;
use std::time::Duration;

use context::saga::Outcome;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use test_stores::on_sqlite;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::booking::Trip;
use crate::ledger::{ActionFault, CompensationFault, Faults};
use crate::world::{LEASES_END, RECOVER_AFTER, World, crash_after};

/// So many generated cases per saga.
const CASES: u32 = 150;

/// One attempt, with its faults.
#[derive(Debug, Clone)]
struct Run {
    faults: Faults,
    /// After how many polls the process of the request dies.
    crash: Option<u32>,
    rounds: Vec<Round>,
    /// Whether calls that are late arrive when the attempt is at rest.
    late_at_rest: bool,
}

/// One round of the recovery: on so many replicas at once, which may die.
#[derive(Debug, Clone)]
struct Round {
    advance: Duration,
    crashes: Vec<Option<u32>>,
}

fn action() -> impl Strategy<Value = ActionFault> {
    prop_oneof![
        4 => Just(ActionFault::None),
        4 => Just(ActionFault::Declined),
        1 => Just(ActionFault::NotSent),
        1 => Just(ActionFault::LostBefore),
        2 => Just(ActionFault::LostAfter),
        3 => (0..6_u8).prop_map(ActionFault::Late),
        1 => Just(ActionFault::SlowBefore),
        1 => Just(ActionFault::SlowAfter),
        1 => Just(ActionFault::SlowLost),
    ]
}

fn compensation() -> impl Strategy<Value = CompensationFault> {
    prop_oneof![
        4 => Just(CompensationFault::None),
        1 => Just(CompensationFault::LostBefore),
        2 => Just(CompensationFault::LostAfter),
        2 => (0..6_u8).prop_map(CompensationFault::Late),
        3 => (0..6_u8).prop_map(CompensationFault::Repeated),
    ]
}

fn queues<T: std::fmt::Debug + Clone>(
    steps: usize,
    fault: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<VecDeque<T>>> {
    vec(vec(fault, 0..4).prop_map(VecDeque::from), steps)
}

fn round() -> impl Strategy<Value = Round> {
    let advance = prop_oneof![Just(Duration::ZERO), Just(RECOVER_AFTER), Just(LEASES_END)];
    let crashes = vec(option::weighted(0.4, 0..20_u32), 1..=3);
    (advance, crashes).prop_map(|(advance, crashes)| Round { advance, crashes })
}

fn run(steps: usize) -> impl Strategy<Value = Run> {
    let faults = (queues(steps, action()), queues(steps, compensation()));
    let faults = faults.prop_map(|(actions, compensations)| Faults { actions, compensations });
    let crash = option::weighted(0.3, 0..30_u32);
    (faults, crash, vec(round(), 0..5), any::<bool>()).prop_map(|(faults, crash, rounds, late_at_rest)| Run {
        faults,
        crash,
        rounds,
        late_at_rest,
    })
}

impl<const STEPS: usize, const FORWARD: bool> World<STEPS, FORWARD> {
    /// Attempts at one trip, one after the other.
    async fn play(&self, runs: &[Run]) -> Result<(), String> {
        let first = self.trip();
        let mut all = vec![];
        for (attempt, run) in (1..).zip(runs) {
            let trip = Trip { attempt, ..first.clone() };
            if self.phase(&trip).await.as_deref() == Some("established") {
                break;
            }
            let outcome = self.play_run(&trip, run).await?;
            self.check(&trip, outcome.as_ref()).await?;
            all.push((trip, outcome));
        }
        self.ledger.deliver_all();
        for (trip, outcome) in &all {
            // Of earlier attempts there is nothing.
            self.check(trip, outcome.as_ref()).await?;
        }
        Ok(())
    }

    async fn play_run(&self, trip: &Trip, run: &Run) -> Result<Option<Outcome<Trip, String>>, String> {
        self.ledger.plan(trip, run.faults.clone());
        let (saga, attempt, trace, crash) = (self.replicas[0].saga.clone(), trip.clone(), self.trace(), run.crash);
        let request = tokio::spawn(async move { crash_after(crash, saga.run(attempt, trace)).await });
        while !request.is_finished() && !self.ledger.is_blocked() {
            tokio::task::yield_now().await;
        }
        self.ledger.end_waiting();
        for round in &run.rounds {
            self.clock.advance(round.advance);
            self.recover(&round.crashes).await;
        }
        self.ledger.open_gate();
        let outcome = request.await.unwrap().transpose().unwrap();
        if !run.late_at_rest {
            self.ledger.deliver_all();
        }
        self.come_to_rest().await?;
        Ok(outcome)
    }
}

fn holds<const STEPS: usize, const FORWARD: bool>() {
    on_sqlite(async |place| {
        let world = World::<STEPS, FORWARD>::on(place).await;
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let outcome = block_in_place(|| {
            runner.run(&vec(run(STEPS), 1..=3), |runs| {
                Handle::current().block_on(world.play(&runs)).map_err(TestCaseError::fail)
            })
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
        let [seen, documented] = world.transitions().await;
        assert_eq!(seen, documented, "the diagram has the transitions that take place, and no others");
    });
}

#[test]
fn with_one_participant_an_attempt_is_whole_or_nothing() {
    holds::<1, false>();
}

#[test]
fn with_two_participants_an_attempt_is_whole_or_nothing() {
    holds::<2, false>();
}

#[test]
fn with_three_participants_an_attempt_is_whole_or_nothing() {
    holds::<3, false>();
}

#[test]
fn with_one_participant_an_attempt_is_completed_or_nothing() {
    holds::<1, true>();
}

#[test]
fn with_two_participants_an_attempt_is_completed_or_nothing() {
    holds::<2, true>();
}

#[test]
fn with_three_participants_an_attempt_is_completed_or_nothing() {
    holds::<3, true>();
}
