//! Holds and releases, one after the other and at the same time.

use futures_util::future::join_all;
use storage_domain::{Attempt, HoldRefusal, HoldRequest, OtherHold, Status};
use test_stores::on_each_store;

use crate::{World, cancelled, confirmed, freed, reserved};

#[test]
fn of_a_thousand_holds_of_one_room_at_once_exactly_one_succeeds() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        worlds[0].register(1).await;
        let tasks = (1..=1_000).map(|reservation_id| {
            let world = worlds[usize::from(reservation_id % 2 == 0)].clone();
            let attempt = Attempt { storage_id: 1, reservation_id, attempt: 1 };
            let request = HoldRequest { attempt, price: None, customer: None };
            tokio::spawn(async move { world.rooms.hold(request, world.trace()).await })
        });
        let (mut held, mut refused) = (vec![], 0);
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(Ok(hold)) => held.push(hold),
                Ok(Err(HoldRefusal::Taken)) => refused += 1,
                // 503: on a slow machine the last ones wait too long for a connection.
                Err(error) if store::is_transient(&error) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(refused > 0);
        assert_eq!(held.len(), 1);
        let room = worlds[1].room(1).await;
        assert_eq!((room.status, room.holds), (Status::Reserving(held[0].reservation_id), 1));
        let sql = "SELECT COUNT(*) FROM holds";
        let stored: i64 = sqlx::query_scalar(sql).fetch_one(worlds[0].store.reader()).await.unwrap();
        assert_eq!(stored, 1, "a refused hold leaves nothing behind");
    });
}

#[test]
fn one_attempt_that_is_repeated_at_once_holds_the_room_once_with_one_reply() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        worlds[0].register(1).await;
        let holds = join_all((0..40).map(|n| worlds[n % 2].hold(1, 9, 1))).await;
        let first = holds[0].clone().unwrap();
        assert!(holds.iter().all(|hold| hold.as_ref() == Ok(&first)), "{holds:?}");
        assert_eq!((first.number, worlds[0].room(1).await.holds), (1, 1));
    });
}

#[test]
fn a_hold_and_its_release_at_once_end_with_a_free_room() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        worlds[0].register(1).await;
        let mut held = 0;
        for reservation in 1..=60 {
            let (hold, released) =
                tokio::join!(worlds[0].hold(1, reservation, 1), worlds[1].release(1, reservation, 1));
            held += i64::from(hold.is_ok());
            assert!(released.is_ok());
            assert!(hold.is_ok() || hold == Err(HoldRefusal::Released), "{hold:?}");
            assert_eq!(worlds[0].status(1).await, Status::Available, "{reservation}");
            assert_eq!(worlds[0].hold(1, reservation, 1).await, Err(HoldRefusal::Released));
        }
        assert_eq!(worlds[0].room(1).await.holds, held);
        assert_eq!(worlds[0].staged(1).await, [], "what was never confirmed is not published");
    });
}

#[test]
fn a_release_that_arrives_first_refuses_its_hold_for_ever_and_leaves_a_later_attempt_alone() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.release(1, 9, 1).await.unwrap();
        assert_eq!(world.hold(1, 9, 1).await, Err(HoldRefusal::Released));
        let hold = world.hold(1, 9, 2).await.unwrap();
        world.release(1, 9, 1).await.unwrap();
        assert_eq!((world.known(9).await, world.status(1).await), (Some(hold), Status::Reserving(9)));
        // Of a room that is not registered.
        world.release(2, 8, 1).await.unwrap();
        world.register(2).await;
        assert_eq!(world.hold(2, 8, 1).await, Err(HoldRefusal::Released));
    });
}

#[test]
fn the_release_of_a_later_attempt_waits_for_that_of_the_earlier_one() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.register(2).await;
        let hold = world.hold(1, 9, 1).await.unwrap();
        assert_eq!(world.hold(2, 9, 2).await, Err(HoldRefusal::Released), "another attempt counts");
        assert_eq!(world.release(2, 9, 2).await, Err(OtherHold));
        assert_eq!(world.known(9).await, Some(hold.clone()));
        world.take(vec![cancelled(&hold)]).await;
        world.release(2, 9, 2).await.unwrap();
        assert_eq!(world.hold(2, 9, 2).await, Err(HoldRefusal::Released));
        assert_eq!([world.status(1).await, world.status(2).await], [Status::Available; 2]);
    });
}

#[test]
fn holds_of_many_rooms_and_events_about_them_in_two_processes_do_not_deadlock() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let mut holds = vec![];
        for id in 1..=20 {
            worlds[0].register(id).await;
            holds.push(worlds[0].hold(id, 100 + id, 1).await.unwrap());
        }
        let (forth, back) = (holds.clone(), holds.iter().rev().cloned().collect::<Vec<_>>());
        let confirm = worlds[0].take(forth.iter().map(confirmed).collect());
        let cancel = worlds[1].take(back.iter().map(cancelled).collect());
        let again = join_all(holds.iter().map(|hold| worlds[1].hold(hold.storage_id, hold.reservation_id, 1)));
        tokio::join!(confirm, cancel, again);
        for hold in &holds {
            assert_eq!(worlds[0].status(hold.storage_id).await, Status::Available);
            let staged = worlds[0].staged(hold.storage_id).await;
            assert!(staged == [reserved(hold), freed(hold)] || staged == [freed(hold)], "{staged:?}");
        }
    });
}
