//! One message per confirmation and per cancellation, in any order and with repetitions of the events.

use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};

use crate::{World, cancelled, confirmed, content};

#[test]
fn every_order_and_repetition_of_events_writes_each_message_once() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let story = vec![("confirmed", 1), ("cancelled", 1), ("confirmed", 2), ("cancelled", 2)];
        for (id, batches) in (1..).zip(cases(30, deliveries(story))) {
            for batch in &batches {
                let record = |(kind, attempt): &(&str, i64)| match *kind {
                    "confirmed" => confirmed(id, *attempt),
                    _ => cancelled(id, *attempt),
                };
                world.consume(batch.iter().map(record).collect()).await;
            }
            let mut messages = world.about(id..=id).await;
            messages.sort();
            let expected = ["cancelled", "cancelled", "confirmed", "confirmed"].map(|status| content(id, status));
            assert_eq!(messages, expected, "{batches:?}");
        }
    });
}

#[test]
fn an_event_that_the_inbox_has_forgotten_writes_no_second_message() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for _ in 0..2 {
            let outcome = world.consume(vec![confirmed(5, 1), cancelled(5, 1)]).await;
            assert_eq!((outcome.applied, outcome.repeated), (2, 0));
            sqlx::query("DELETE FROM inbox").execute(world.store.writer()).await.unwrap();
        }
        assert_eq!(world.about(5..=5).await, [content(5, "confirmed"), content(5, "cancelled")]);
    });
}

#[test]
fn after_a_day_without_the_context_all_messages_are_there_in_the_order_of_their_reservation() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // 100 reservations, 40 of which are cancelled, at one time: the topic alone has the order.
        let confirmations = (1..=100).map(|id| confirmed(id, 1));
        let cancellations = (1..=40).map(|id| cancelled(id, 1));
        world.consume(confirmations.chain(cancellations).collect()).await;
        for id in 1..=100 {
            let expected: &[&str] = if id <= 40 { &["confirmed", "cancelled"] } else { &["confirmed"] };
            let expected: Vec<String> = expected.iter().map(|status| content(id, status)).collect();
            assert_eq!(world.about(id..=id).await, expected);
        }
    });
}

#[test]
fn two_processes_that_receive_the_same_events_write_each_message_once() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        let mut consumers = vec![];
        for (world, size) in worlds.iter().zip([7, 11]) {
            let (world, events) = (world.clone(), (1..=40).flat_map(|id| [confirmed(id, 1), cancelled(id, 1)]));
            let events: Vec<_> = events.collect();
            consumers.push(tokio::spawn(async move {
                for batch in events.chunks(size) {
                    world.consume(batch.to_vec()).await;
                }
            }));
        }
        for consumer in consumers {
            consumer.await.unwrap();
        }
        for id in 1..=40 {
            assert_eq!(worlds[0].about(id..=id).await, [content(id, "confirmed"), content(id, "cancelled")]);
        }
    });
}
