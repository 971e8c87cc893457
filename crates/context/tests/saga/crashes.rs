//! The process dies at every await, one after the other.

use std::collections::VecDeque;
use std::time::Duration;

use test_stores::on_sqlite;

use crate::ledger::{ActionFault, CompensationFault, Faults};
use crate::world::{RECOVER_AFTER, World, crash_after};

/// No future of these tests is polled more often.
const MOST_POLLS: u32 = 500;

fn at(step: usize, fault: ActionFault) -> Faults {
    let mut actions = vec![VecDeque::new(); 3];
    actions[step].push_back(fault);
    Faults { actions, compensations: vec![] }
}

/// A request dies at each of its awaits, and another replica ends its attempt.
async fn a_request_dies<const STEPS: usize, const FORWARD: bool>(world: &World<STEPS, FORWARD>, faults: &Faults) {
    for polls in 0..MOST_POLLS {
        let trip = world.trip();
        world.ledger.plan(&trip, faults.clone());
        let request = world.replicas[0].saga.run(trip.clone(), world.trace());
        let outcome = crash_after(Some(polls), request).await.map(Result::unwrap);
        let lived = outcome.is_some();
        world.clock.advance(RECOVER_AFTER);
        world.replicas[1].saga.recover_due().await.unwrap();
        world.come_to_rest().await.unwrap();
        world.ledger.deliver_all();
        world.check(&trip, outcome.as_ref()).await.unwrap_or_else(|what| panic!("{faults:?}, {polls} polls: {what}"));
        if lived {
            assert!(polls > 2, "it has awaits");
            return;
        }
    }
    panic!("it never ends");
}

fn requests_die<const STEPS: usize, const FORWARD: bool>() {
    on_sqlite(async |place| {
        let world = World::<STEPS, FORWARD>::on(place).await;
        a_request_dies(&world, &Faults::default()).await;
        let faults = [
            ActionFault::Declined,
            ActionFault::NotSent,
            ActionFault::LostBefore,
            ActionFault::LostAfter,
            ActionFault::Late(0),
            ActionFault::Late(9),
        ];
        for step in 0..STEPS {
            for fault in faults {
                a_request_dies(&world, &at(step, fault)).await;
            }
        }
    });
}

#[test]
fn a_request_that_dies_at_any_await_is_compensated_or_whole() {
    requests_die::<1, false>();
    requests_die::<2, false>();
    requests_die::<3, false>();
}

#[test]
fn a_request_that_dies_at_any_await_is_completed_or_compensated() {
    requests_die::<1, true>();
    requests_die::<2, true>();
    requests_die::<3, true>();
}

/// A recovery dies at each of its awaits, and another replica goes on when the lease has ended.
fn recoveries_die<const STEPS: usize, const FORWARD: bool>(faults: &Faults) {
    on_sqlite(async |place| {
        let world = World::<STEPS, FORWARD>::on(place).await;
        for polls in 0..MOST_POLLS {
            let trip = world.trip();
            world.ledger.plan(&trip, faults.clone());
            let outcome = world.run(&trip).await;
            let lived = crash_after(Some(polls), world.replicas[1].saga.recover_due()).await.is_some();
            world.clock.advance(Duration::from_secs(3));
            world.replicas[2].saga.recover_due().await.unwrap();
            world.come_to_rest().await.unwrap();
            world.ledger.deliver_all();
            world.check(&trip, Some(&outcome)).await.unwrap_or_else(|what| panic!("{polls} polls: {what}"));
            if lived {
                assert!(polls > 2, "it has awaits");
                return;
            }
        }
        panic!("it never ends");
    });
}

#[test]
fn a_recovery_that_dies_at_any_await_is_finished_by_another_replica() {
    let mut faults = at(2, ActionFault::LostAfter);
    recoveries_die::<3, false>(&faults);
    recoveries_die::<3, true>(&at(0, ActionFault::LostAfter));
    faults.actions[2].push_back(ActionFault::Declined);
    faults.compensations = vec![VecDeque::from([CompensationFault::Repeated(1)]); 3];
    recoveries_die::<3, true>(&faults);
    recoveries_die::<1, false>(&at(0, ActionFault::Late(1)));
}
