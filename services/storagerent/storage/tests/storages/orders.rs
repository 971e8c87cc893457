//! Calls and events in all orders and repetitions.

use storage_domain::{HoldState, Status};
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};

use crate::{World, cancelled, confirmed, freed, reserved};

#[test]
fn a_hold_becomes_a_reservation_and_its_cancellation_frees_the_room() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let hold = world.hold(1, 9, 1).await.unwrap();
        world.take(vec![confirmed(&hold)]).await;
        assert_eq!((world.status(1).await, world.staged(1).await), (Status::Reserved(9), vec![reserved(&hold)]));
        world.take(vec![cancelled(&hold)]).await;
        let staged = vec![reserved(&hold), freed(&hold)];
        assert_eq!((world.status(1).await, world.staged(1).await), (Status::Available, staged));
    });
}

#[test]
fn a_reservation_that_is_cancelled_ends_with_a_free_room_in_every_order_of_its_events() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let events = vec!["confirmed", "cancelled"];
        for (id, batches) in (1..).zip(cases(30, deliveries(events))) {
            world.register(id).await;
            let hold = world.hold(id, 100 + id, 1).await.unwrap();
            for batch in &batches {
                let record = |what: &&str| if *what == "confirmed" { confirmed(&hold) } else { cancelled(&hold) };
                world.take(batch.iter().map(record).collect()).await;
            }
            assert_eq!(world.status(id).await, Status::Available, "{batches:?}");
            let staged = world.staged(id).await;
            assert!(staged == [reserved(&hold), freed(&hold)] || staged == [freed(&hold)], "{batches:?}: {staged:?}");
            let known = world.known(hold.reservation_id).await.unwrap();
            assert_eq!(known.state, HoldState::Cancelled, "{batches:?}");
        }
    });
}

#[test]
fn late_events_of_an_earlier_reservation_of_a_room_change_nothing_of_a_later_one() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let late = vec!["confirmed", "cancelled", "released"];
        for (id, batches) in (1..).zip(cases(30, deliveries(late))) {
            world.register(id).await;
            let first = world.hold(id, 100 + id, 1).await.unwrap();
            world.take(vec![cancelled(&first)]).await;
            let second = world.hold(id, 200 + id, 1).await.unwrap();
            assert_eq!([first.number, second.number], [1, 2]);
            world.take(vec![confirmed(&second)]).await;
            for what in batches.iter().flatten() {
                match *what {
                    "confirmed" => world.take(vec![confirmed(&first)]).await,
                    "cancelled" => world.take(vec![cancelled(&first)]).await,
                    _ => drop(world.release(id, 100 + id, 1).await.unwrap()),
                }
            }
            assert_eq!(world.status(id).await, Status::Reserved(200 + id), "{batches:?}");
            assert_eq!(world.staged(id).await, [freed(&first), reserved(&second)], "{batches:?}");
        }
    });
}

#[test]
fn an_event_about_a_hold_that_is_not_known_changes_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let hold = world.hold(1, 9, 1).await.unwrap();
        let strangers = [
            storage_domain::Hold { reservation_id: 8, ..hold.clone() },
            storage_domain::Hold { number: 2, ..hold.clone() },
            storage_domain::Hold { storage_id: 2, ..hold.clone() },
        ];
        world.take(strangers.iter().flat_map(|hold| [confirmed(hold), cancelled(hold)]).collect()).await;
        assert_eq!((world.status(1).await, world.known(9).await), (Status::Reserving(9), Some(hold)));
        assert_eq!(world.staged(1).await, []);
    });
}
