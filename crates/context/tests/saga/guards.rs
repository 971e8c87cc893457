//! Each guard of a saga, one by one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use chassis::Host;
use clap::Parser;
use context::saga::{DefinitionError, Outcome, Participant, Saga};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use messaging::Messaging;
use metrics_exporter_prometheus::PrometheusBuilder;
use store::sqlx::{query_scalar, raw_sql};
use test_stores::{eventually, on_sqlite};

use crate::booking::{Booking, Trip};
use crate::ledger::{ActionFault, CompensationFault, Faults, Member};
use crate::world::{RECOVER_AFTER, World};

/// How long an attempt that was taken over is left alone.
const LEASE: Duration = Duration::from_secs(2);

fn faults(step: usize, actions: &[ActionFault], compensations: &[CompensationFault]) -> Faults {
    let mut faults = Faults { actions: vec![VecDeque::new(); 3], compensations: vec![VecDeque::new(); 3] };
    faults.actions[step] = actions.iter().copied().collect();
    faults.compensations[step] = compensations.iter().copied().collect();
    faults
}

/// A trip whose outcome is unknown at this step.
async fn unknown_at<const STEPS: usize, const FORWARD: bool>(world: &World<STEPS, FORWARD>, step: usize) -> Trip {
    let trip = world.trip();
    world.ledger.plan(&trip, faults(step, &[ActionFault::LostAfter], &[]));
    let _ = world.run(&trip).await;
    trip
}

#[test]
fn the_participants_are_called_in_order_and_the_event_is_published_once() {
    on_sqlite(async |place| {
        let world = World::<3, false>::on(place).await;
        let trip = world.trip();
        let Outcome::Established(booked) = world.run(&trip).await else { panic!("not established") };
        assert_eq!(booked, Trip { confirmations: "123".into(), ..trip.clone() });
        assert_eq!(world.ledger.calls(&trip), [(0, "action"), (1, "action"), (2, "action")]);
        assert_eq!(world.events(&trip).await.len(), 1);
        world.check(&trip, Some(&Outcome::Established(booked))).await.unwrap();
    });
}

#[test]
fn a_declined_step_compensates_those_before_it_in_reverse() {
    on_sqlite(async |place| {
        let world = World::<3, false>::on(place).await;
        let trip = world.trip();
        world.ledger.plan(&trip, faults(2, &[ActionFault::Declined], &[]));
        assert_eq!(world.run(&trip).await, Outcome::Declined("no".into()));
        assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 1, "at once, without a lease");
        let undone = [(2, "compensation"), (1, "compensation"), (0, "compensation")];
        assert_eq!(world.ledger.calls(&trip)[3..], undone);
        assert_eq!(world.phase(&trip).await.as_deref(), Some("void"));
    });
}

fn a_first_step_without_effect_leaves_nothing<const FORWARD: bool>() {
    on_sqlite(async |place| {
        let world = World::<2, FORWARD>::on(place).await;
        let replies = [
            (ActionFault::Declined, Outcome::Declined("no".to_owned())),
            (ActionFault::NotSent, Outcome::Unavailable(Duration::from_secs(7))),
        ];
        for (fault, outcome) in replies {
            let trip = world.trip();
            world.ledger.plan(&trip, faults(0, &[fault], &[]));
            assert_eq!(world.run(&trip).await, outcome);
            assert_eq!((world.phase(&trip).await, world.ledger.calls(&trip).len()), (None, 1));
            assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 0);
        }
    });
}

#[test]
fn a_first_step_that_is_declined_or_not_sent_leaves_no_row_and_is_not_compensated() {
    a_first_step_without_effect_leaves_nothing::<false>();
    a_first_step_without_effect_leaves_nothing::<true>();
}

#[test]
fn a_row_that_is_to_be_kept_becomes_void_if_the_first_step_has_had_no_effect() {
    on_sqlite(async |place| {
        let world = World::<1, true>::on(place).await;
        for fault in [ActionFault::Declined, ActionFault::NotSent] {
            let first = world.trip();
            world.ledger.plan(&first, faults(0, &[fault], &[]));
            world.run(&first).await;
            assert_eq!(world.row(&first).await, None);
            let second = Trip { attempt: 2, ..first };
            world.ledger.plan(&second, faults(0, &[fault], &[]));
            world.run(&second).await;
            assert_eq!(world.row(&second).await, Some((2, "void".to_owned())));
            assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 0, "nothing is left to do");
            let third = Trip { attempt: 3, ..second };
            assert!(matches!(world.run(&third).await, Outcome::Established(_)));
        }
    });
}

#[test]
fn while_a_participant_is_unavailable_nothing_is_written_and_nothing_is_called() {
    on_sqlite(async |place| {
        let world = World::<3, false>::on(place).await;
        let trip = world.trip();
        world.ledger.set_unavailable(Some(Duration::from_secs(7)));
        // The store is not even asked.
        world.replicas[0].store.writer().close().await;
        let saga = &world.replicas[0].saga;
        let outcome = saga.run(trip.clone(), world.trace()).await.unwrap();
        assert_eq!(outcome, Outcome::Unavailable(Duration::from_secs(7)));
        assert_eq!((world.phase(&trip).await, world.ledger.calls(&trip)), (None, vec![]));
        world.ledger.set_unavailable(None);
        assert!(saga.run(trip, world.trace()).await.is_err(), "now it is");
    });
}

#[test]
fn an_attempt_that_may_be_stored_and_would_be_completed_is_undecided() {
    on_sqlite(async |place| {
        let world = World::<1, true>::on(place).await;
        world.replicas[0].store.writer().close().await;
        let saga = &world.replicas[0].saga;
        assert_eq!(saga.run(world.trip(), world.trace()).await.unwrap(), Outcome::Undecided);
    });
}

#[test]
fn an_unknown_outcome_is_compensated_by_that_step_itself() {
    on_sqlite(async |place| {
        let world = World::<1, false>::on(place).await;
        let trip = world.trip();
        world.ledger.plan(&trip, faults(0, &[ActionFault::Late(9)], &[]));
        assert!(world.replicas[0].saga.handed_over().now_or_never().is_none());
        assert_eq!(world.run(&trip).await, Outcome::Unavailable(Duration::from_secs(1)));
        tokio::time::timeout(Duration::from_secs(1), world.replicas[0].saga.handed_over()).await.unwrap();
        assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 1);
        // The action arrives after its compensation.
        world.ledger.deliver_all();
        world.check(&trip, None).await.unwrap();
    });
}

#[test]
fn an_attempt_that_its_request_left_behind_is_taken_over_when_its_time_is_over_and_not_before() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        for step in 0..2 {
            let trip = world.trip();
            world.ledger.plan(&trip, faults(step, &[ActionFault::SlowAfter], &[]));
            let (saga, attempt, trace) = (world.replicas[0].saga.clone(), trip.clone(), world.trace());
            let request = tokio::spawn(async move { saga.run(attempt, trace).await });
            eventually("the participant is called", async || world.ledger.is_blocked()).await;
            request.abort();
            let nearly = RECOVER_AFTER.saturating_sub(Duration::from_micros(1));
            world.clock.advance(nearly);
            assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 0);
            world.clock.advance(Duration::from_micros(1));
            assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
            world.check(&trip, None).await.unwrap();
        }
    });
}

#[test]
fn a_request_that_comes_back_after_it_was_taken_over_calls_nothing_more_and_establishes_nothing() {
    on_sqlite(async |place| {
        let world = World::<3, false>::on(place).await;
        for step in 0..3 {
            let trip = world.trip();
            world.ledger.plan(&trip, faults(step, &[ActionFault::SlowAfter], &[CompensationFault::LostAfter]));
            let (saga, attempt, trace) = (world.replicas[0].saga.clone(), trip.clone(), world.trace());
            let request = tokio::spawn(async move { saga.run(attempt, trace).await.unwrap() });
            eventually("the participant is called", async || world.ledger.is_blocked()).await;
            world.clock.advance(RECOVER_AFTER);
            assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 0, "compensating");
            world.ledger.open_gate();
            let outcome = request.await.unwrap();
            assert_eq!(outcome, Outcome::Unavailable(Duration::from_secs(1)));
            assert!(!world.ledger.calls(&trip).contains(&(step + 1, "action")), "step {step}");
            world.come_to_rest().await.unwrap();
            world.check(&trip, Some(&outcome)).await.unwrap();
        }
    });
}

#[test]
fn replicas_that_recover_at_once_compensate_each_attempt_once() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let mut trips = vec![];
        for _ in 0..120 {
            trips.push(unknown_at(&world, 1).await);
        }
        let recoveries = world.replicas.iter().map(|replica| async { replica.saga.recover_due().await.unwrap() });
        assert_eq!(join_all(recoveries).await.into_iter().sum::<usize>(), 120);
        for trip in &trips {
            let calls = world.ledger.calls(trip);
            assert_eq!(calls[2..], [(1, "compensation"), (0, "compensation")], "none twice");
            world.check(trip, None).await.unwrap();
        }
    });
}

#[test]
fn a_recovery_ends_all_attempts_that_are_due_and_waits_for_the_next_round_if_it_cannot_end_any() {
    on_sqlite(async |place| {
        let world = World::<1, false>::on(place).await;
        let mut trips = vec![];
        for _ in 0..120 {
            let trip = world.trip();
            world.ledger.plan(&trip, faults(0, &[ActionFault::LostAfter], &[CompensationFault::LostBefore]));
            world.run(&trip).await;
            trips.push(trip);
        }
        let compensated = || trips.iter().filter(|trip| world.ledger.calls(trip).len() > 1).count();
        let saga = &world.replicas[0].saga;
        assert_eq!((saga.recover_due().await.unwrap(), compensated()), (0, 100), "as many as are taken over at a time");
        assert_eq!((saga.recover_due().await.unwrap(), compensated()), (0, 120), "the others");
        world.clock.advance(LEASE);
        assert_eq!(saga.recover_due().await.unwrap(), 120);
    });
}

#[test]
fn a_step_that_is_not_confirmed_is_repeated_when_the_lease_has_ended_and_those_before_it_wait() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let trip = world.trip();
        let lost = [CompensationFault::LostBefore, CompensationFault::LostAfter];
        world.ledger.plan(&trip, faults(1, &[ActionFault::LostAfter], &lost));
        world.run(&trip).await;
        for _ in 0..2 {
            assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 0);
            world.clock.advance(LEASE.saturating_sub(Duration::from_micros(1)));
            assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 0, "it is leased");
            world.clock.advance(Duration::from_micros(1));
        }
        assert_eq!(world.ledger.calls(&trip)[2..], [(1, "compensation"); 2]);
        assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
        assert_eq!(world.ledger.calls(&trip)[4..], [(1, "compensation"), (0, "compensation")]);
    });
}

#[test]
fn a_recovery_that_comes_back_after_its_lease_calls_nothing_more() {
    on_sqlite(async |place| {
        let world = World::<3, false>::on(place).await;
        let trip = world.trip();
        world.ledger.plan(&trip, faults(2, &[ActionFault::LostAfter], &[CompensationFault::Slow]));
        world.run(&trip).await;
        let slow = world.replicas[0].saga.clone();
        let slow = tokio::spawn(async move { slow.recover_due().await.unwrap() });
        eventually("it compensates", async || world.ledger.is_blocked()).await;
        world.clock.advance(LEASE);
        // Another replica goes on, and fails at the first step.
        world.ledger.add_compensation_fault(&trip, 0, CompensationFault::LostBefore);
        assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 0);
        let before = world.ledger.calls(&trip);
        world.ledger.open_gate();
        assert_eq!(slow.await.unwrap(), 0);
        assert_eq!(world.ledger.calls(&trip), before);
        world.come_to_rest().await.unwrap();
        world.check(&trip, None).await.unwrap();
    });
}

#[test]
fn an_occupied_key_begins_no_attempt_and_a_void_one_begins_a_later_one_only() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let trip = unknown_at(&world, 0).await;
        let with = |attempt| Trip { attempt, ..trip.clone() };
        assert_eq!(world.run(&with(2)).await, Outcome::Occupied, "it is compensated");
        assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 1);
        assert_eq!(world.run(&with(1)).await, Outcome::Occupied, "the attempt is not later");
        assert_eq!(world.run(&with(0)).await, Outcome::Occupied);
        assert!(matches!(world.run(&with(2)).await, Outcome::Established(_)));
        assert_eq!(world.run(&with(3)).await, Outcome::Occupied, "it is established");
        assert_eq!(world.row(&trip).await, Some((2, "established".into())));
        world.check(&with(1), None).await.unwrap();
        world.check(&with(2), None).await.unwrap();
    });
}

/// A request whose attempt was taken over ends while a later attempt is pending at the same step.
async fn an_earlier_request_ends(world: &World<2, false>, fault: ActionFault) {
    let trip = world.trip();
    world.ledger.plan(&trip, faults(0, &[fault], &[]));
    let (saga, attempt, trace) = (world.replicas[0].saga.clone(), trip.clone(), world.trace());
    let late = tokio::spawn(async move { saga.run(attempt, trace).await.unwrap() });
    eventually("the participant is called", async || world.ledger.is_blocked()).await;
    world.clock.advance(RECOVER_AFTER);
    assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
    let second = Trip { attempt: 2, ..trip.clone() };
    let gate = world.ledger.plan(&second, faults(0, &[ActionFault::SlowBefore], &[]));
    let (saga, attempt, trace) = (world.replicas[1].saga.clone(), second.clone(), world.trace());
    let later = tokio::spawn(async move { saga.run(attempt, trace).await.unwrap() });
    eventually("the participant is called again", async || world.ledger.is_blocked()).await;
    gate.send_replace(true);
    assert_eq!(late.await.unwrap(), Outcome::Unavailable(Duration::from_secs(1)), "{fault:?}");
    assert_eq!(world.row(&trip).await, Some((2, "pending".into())), "{fault:?}");
    world.ledger.open_gate();
    let outcome = later.await.unwrap();
    assert!(matches!(outcome, Outcome::Established(_)), "{fault:?}: {outcome:?}");
    world.check(&trip, None).await.unwrap();
    world.check(&second, Some(&outcome)).await.unwrap();
}

#[test]
fn a_reply_to_an_earlier_attempt_does_not_change_a_later_one() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        for fault in [ActionFault::SlowBefore, ActionFault::SlowAfter, ActionFault::SlowLost] {
            an_earlier_request_ends(&world, fault).await;
        }
    });
}

#[test]
fn an_unknown_outcome_is_completed_if_the_definition_says_forward() {
    on_sqlite(async |place| {
        let world = World::<2, true>::on(place).await;
        for fault in [ActionFault::LostBefore, ActionFault::LostAfter, ActionFault::NotSent] {
            let trip = world.trip();
            world.ledger.plan(&trip, faults(1, &[fault], &[]));
            assert_eq!(world.run(&trip).await, Outcome::Undecided, "{fault:?}");
            assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
            assert_eq!(world.phase(&trip).await.as_deref(), Some("established"));
            world.check(&trip, Some(&Outcome::Undecided)).await.unwrap();
        }
    });
}

#[test]
fn a_completion_that_is_declined_is_compensated_by_that_step_itself() {
    on_sqlite(async |place| {
        let world = World::<2, true>::on(place).await;
        let trip = world.trip();
        world.ledger.plan(&trip, faults(1, &[ActionFault::Late(9), ActionFault::Declined], &[]));
        assert_eq!(world.run(&trip).await, Outcome::Undecided);
        assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
        // The first call arrives after the second was declined.
        world.ledger.deliver_all();
        assert_eq!(world.phase(&trip).await.as_deref(), Some("void"));
        world.check(&trip, None).await.unwrap();
    });
}

#[test]
fn a_request_that_comes_back_after_its_attempt_was_completed_is_answered_that_it_is_established() {
    on_sqlite(async |place| {
        let world = World::<2, true>::on(place).await;
        let trip = world.trip();
        world.ledger.plan(&trip, faults(0, &[ActionFault::SlowAfter], &[]));
        let (saga, attempt, trace) = (world.replicas[0].saga.clone(), trip.clone(), world.trace());
        let late = tokio::spawn(async move { saga.run(attempt, trace).await.unwrap() });
        eventually("the participant is called", async || world.ledger.is_blocked()).await;
        world.clock.advance(RECOVER_AFTER);
        assert_eq!(world.replicas[1].saga.recover_due().await.unwrap(), 1);
        world.ledger.open_gate();
        let outcome = late.await.unwrap();
        assert_eq!(outcome, Outcome::Established(Trip { confirmations: "12".into(), ..trip.clone() }));
        world.check(&trip, Some(&outcome)).await.unwrap();
    });
}

/// The store rejects the statement that ends the attempt, and its client is not answered that it is established.
#[test]
fn an_attempt_that_the_store_does_not_establish_is_compensated() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let reject = "CREATE TRIGGER reject BEFORE UPDATE ON trips WHEN NEW.phase = 'established' \
                      BEGIN SELECT RAISE(ABORT, 'rejected'); END";
        raw_sql(reject).execute(world.replicas[0].store.writer()).await.unwrap();
        let trip = world.trip();
        let outcome = world.run(&trip).await;
        assert_eq!(outcome, Outcome::Unavailable(Duration::from_secs(1)));
        assert_eq!(world.replicas[0].saga.recover_due().await.unwrap(), 1);
        world.check(&trip, Some(&outcome)).await.unwrap();
    });
}

#[test]
fn an_end_that_the_store_rejects_is_decided_when_the_store_is_back_and_undecided_after_5_seconds() {
    on_sqlite(async |place| {
        let world = World::<1, false>::on(place).await;
        let execute = async |sql| raw_sql(sql).execute(world.replicas[0].store.writer()).await.unwrap();
        let reject = "CREATE TABLE rejects (x); \
                      CREATE TRIGGER reject BEFORE UPDATE ON trips WHEN EXISTS (SELECT * FROM rejects) \
                      BEGIN SELECT RAISE(ABORT, 'rejected'); END";
        execute(reject).await;
        for (end, expected) in [
            ("DELETE FROM rejects", Outcome::Unavailable(Duration::from_secs(1))),
            ("SELECT * FROM rejects", Outcome::Undecided),
        ] {
            execute("INSERT INTO rejects VALUES (1)").await;
            let trip = world.trip();
            let (saga, attempt, trace) = (world.replicas[0].saga.clone(), trip.clone(), world.trace());
            let mut request = tokio::spawn(async move { saga.run(attempt, trace).await.unwrap() });
            let early = tokio::time::timeout(Duration::from_millis(200), &mut request).await;
            assert!(early.is_err(), "it looks for the outcome: {early:?}");
            execute(end).await;
            assert_eq!(request.await.unwrap(), expected);
            execute("DELETE FROM rejects").await;
            world.come_to_rest().await.unwrap();
            world.check(&trip, None).await.unwrap();
        }
    });
}

#[test]
fn a_void_attempt_loses_what_the_definition_says_and_an_established_one_keeps_it() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let (void, booked) = (unknown_at(&world, 0).await, world.trip());
        world.run(&booked).await;
        world.replicas[0].saga.recover_due().await.unwrap();
        for (trip, traveller) in [(void, None), (booked, Some("kim".to_owned()))] {
            let sql = query_scalar("SELECT traveller FROM trips WHERE id = $1").bind(trip.id);
            let stored: Option<String> = sql.fetch_one(world.replicas[0].store.reader()).await.unwrap();
            assert_eq!(stored, traveller);
        }
    });
}

#[test]
fn each_step_needs_a_participant() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let host = Host::new(world.clock.clone(), Arc::new(Ids::seeded(world.clock.clone(), 2)));
        let settings = crate::world::Settings::parse_from(["test", "--fleet", "test"]);
        let store = &world.replicas[0].store;
        let outbox = Messaging::new(&settings.messaging, "trips", store, &host).outbox();
        let one: Arc<dyn Participant<Booking<2, false>>> = Arc::new(Member { ledger: world.ledger.clone(), step: 0 });
        let error = Saga::new(vec![one], store, outbox, &host, RECOVER_AFTER).err();
        assert_eq!(error, Some(DefinitionError::Participants { steps: 2, participants: 1 }));
    });
}

#[test]
fn the_recovery_runs_in_the_background_and_ends_with_the_process() {
    on_sqlite(async |place| {
        let world = World::<2, false>::on(place).await;
        let host = Host::new(world.clock.clone(), world.ids.clone());
        world.replicas[0].saga.start_recovery(&host, Duration::from_mins(10));
        let trip = unknown_at(&world, 1).await;
        // It is woken: the interval is longer than the test.
        eventually("it is void", async || world.phase(&trip).await.as_deref() == Some("void")).await;
        host.stopping().cancel();
        world.check(&trip, None).await.unwrap();
    });
}

#[test]
fn the_attempts_that_the_recovery_has_to_end_are_measured() {
    let metrics = PrometheusBuilder::new().install_recorder().unwrap();
    on_sqlite(async |place| {
        let world = World::<1, false>::on(place).await;
        for trip in [world.trip(), world.trip()] {
            world.ledger.plan(&trip, faults(0, &[ActionFault::LostAfter], &[CompensationFault::LostBefore]));
            world.run(&trip).await;
        }
        let host = Host::new(world.clock.clone(), world.ids.clone());
        world.replicas[0].saga.start_recovery(&host, Duration::from_millis(10));
        let are_left = |count| format!("saga_attempts_in_recovery{{saga=\"the booking of a trip\"}} {count}\n");
        eventually("two are left", async || metrics.render().contains(&are_left(2))).await;
        world.clock.advance(LEASE);
        eventually("none is left", async || metrics.render().contains(&are_left(0))).await;
        host.stopping().cancel();
    });
}
