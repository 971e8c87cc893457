//! Orders that come in any order, and the lists of a shop.

use cook_domain::Status;
use test_stores::on_each_store;
use test_stores::random::{cases, deliveries};

use crate::{OPEN, World, canceled, customer, ordered, ordered_at, shop};

#[test]
fn orders_are_listed_oldest_first_by_shop_and_none_twice() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        // As after a day: newest first, and repeated.
        let records = vec![ordered_at(3, 1, 30), ordered_at(2, 2, 20), ordered_at(1, 1, 10), ordered_at(4, 1, 5)];
        world.take(records.clone()).await;
        world.take(records).await;
        assert_eq!(world.listed(&OPEN, "/cooks").await, [4, 1, 2, 3]);
        assert_eq!(world.listed(&OPEN, "/cooks?shopId=1").await, [4, 1, 3]);
        assert_eq!(world.listed(&shop(2), "/cooks").await, [2]);
        assert_eq!(world.listed(&shop(2), "/cooks?shopId=1").await, [0; 0]);
        assert_eq!(world.get(&shop(2), "/cooks/1").await.0, 404);
        assert_eq!(world.get(&shop(1), "/cooks/1").await.0, 200);
        assert_eq!(world.get(&customer("bob"), "/cooks/1").await.0, 404);
    });
}

#[test]
fn a_cancelled_order_is_dropped_in_every_order_of_the_call_and_the_events() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (id, batches) in (1..).zip(cases(30, deliveries(vec!["ordered", "canceled", "call"]))) {
            for batch in &batches {
                for what in batch {
                    match *what {
                        "ordered" => world.take(vec![ordered(id)]).await,
                        "canceled" => world.take(vec![canceled(id)]).await,
                        _ => assert_eq!(world.cancel(id).await.0, 200),
                    }
                }
            }
            assert_eq!(world.status(id).await, Some(Status::Cancel), "{batches:?}");
            assert_eq!(world.get(&OPEN, &format!("/cooks/{id}")).await.0, 404);
        }
        assert_eq!(world.listed(&OPEN, "/cooks").await, [0; 0]);
    });
}
