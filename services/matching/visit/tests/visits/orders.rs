//! What other contexts say, in all orders and repetitions.

use ambient::Timestamp;
use events::Projection as _;
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};
use visit_domain::{Case, Paid};

use crate::{World, approved, match_canceled, payment_canceled};

/// Of three matches: one was paid back and asked for again, one is cancelled, one is paid.
fn stories() -> Vec<(i64, &'static str, i64)> {
    vec![
        (1, "approved", 1),
        (1, "paid back", 1),
        (1, "approved", 2),
        (2, "approved", 1),
        (2, "cancelled", 1),
        (2, "paid back", 1),
        (3, "approved", 5),
    ]
}

fn paid(match_id: i64, attempt: i64, canceled: bool) -> Case {
    let paid = Paid { price: 10, since: Timestamp::from_micros(attempt) };
    Case { paid: Some(paid), canceled, ..Case::begin(match_id, attempt) }
}

#[test]
fn all_orders_and_repetitions_of_what_others_say_end_in_one_state() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (round, batches) in (0..).zip(cases(30, deliveries(stories()))) {
            // Matches of their own in every round.
            let id = |number: i64| round * 10 + number;
            for batch in &batches {
                let records = batch.iter().map(|(number, what, attempt)| match *what {
                    "approved" => approved(id(*number), *attempt),
                    "paid back" => payment_canceled(id(*number), *attempt),
                    _ => match_canceled(id(*number), *attempt),
                });
                world.take(records.collect()).await;
            }
            assert_eq!(world.case(id(1)).await, paid(id(1), 2, false), "{batches:?}");
            assert_eq!(world.case(id(2)).await, paid(id(2), 1, true), "{batches:?}");
            assert_eq!(world.case(id(3)).await, paid(id(3), 5, false), "{batches:?}");
            let listed = world.listed().await;
            assert_eq!([1, 2, 3].map(|number| listed.contains(&id(number))), [true, false, true], "{batches:?}");
            for number in 1..=3 {
                assert_eq!(world.staged(id(number)).await, [], "no visit was assigned: {batches:?}");
            }
        }
    });
}

#[test]
fn two_processes_that_take_the_same_events_in_other_batches_end_in_one_state() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let events: Vec<_> = (1..=60).flat_map(|id| [approved(id, id), match_canceled(id, id)]).collect();
        let events: Vec<_> =
            events.into_iter().enumerate().filter(|(n, _)| n % 4 != 3).map(|(_, event)| event).collect();
        let mut takers = vec![];
        for (world, size) in worlds.iter().zip([7, 11]) {
            let (world, mut events) = (world.clone(), events.clone());
            events.rotate_left(size * 5);
            takers.push(tokio::spawn(async move {
                for batch in events.chunks(size) {
                    world.take(batch.to_vec()).await;
                }
            }));
        }
        for taker in takers {
            taker.await.unwrap();
        }
        let even: Vec<i64> = (1..=60).filter(|id| id % 2 == 0).collect();
        assert_eq!(worlds[0].listed().await, even, "oldest first, each once");
    });
}

#[test]
fn a_cancellation_that_overtakes_the_payment_keeps_the_request_from_ever_being_listed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![match_canceled(1, 1)]).await;
        assert!(world.listed().await.is_empty());
        world.take(vec![approved(1, 1), approved(2, 1)]).await;
        assert_eq!(world.listed().await, [2]);
    });
}

#[test]
fn the_list_is_in_the_order_of_payment_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // Three of each time, so that pages end among equals.
        let records = (1..=20).map(|id| approved(id, 100 - id / 3)).collect();
        world.take(records).await;
        let mut expected: Vec<i64> = (1..=20).collect();
        expected.sort_by_key(|id| (100 - id / 3, *id));
        assert_eq!(world.listed().await, expected);
    });
}
