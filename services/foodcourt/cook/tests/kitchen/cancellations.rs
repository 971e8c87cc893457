//! What the order context calls: `/cancellations`.

use cook_domain::Status;
use serde_json::json;
use test_stores::on_each_store;
use test_stores::random::cases;

use crate::{OPEN, World, customer, ordered, shop};

#[test]
fn the_kitchen_agrees_until_it_has_taken_the_order_and_says_the_same_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![ordered(1), ordered(2)]).await;
        for _ in 0..2 {
            assert_eq!(world.cancel(1).await, (200, json!({ "orderId": 1 })));
        }
        let (status, problem) = world.change(&OPEN, 1, "cook").await;
        assert_eq!((status, &problem["cookStatus"]), (409, &json!("cancel")));
        for step in ["cook", "cooked"] {
            assert_eq!(world.change(&OPEN, 2, step).await.0, 200);
            let (status, problem) = world.cancel(2).await;
            assert_eq!((status, &problem["cookStatus"]), (409, &json!(step)));
        }
        assert!(world.staged(1).await.is_empty());
    });
}

#[test]
fn a_cancellation_that_comes_before_its_order_leaves_a_mark_and_the_order_is_never_shown() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert_eq!(world.cancel(1).await.0, 200);
        world.take(vec![ordered(1)]).await;
        assert_eq!((world.get(&OPEN, "/cooks/1").await.0, world.listed(&OPEN, "/cooks").await), (404, vec![]));
        assert_eq!(world.change(&OPEN, 1, "cook").await.0, 409);
        assert_eq!(world.cancel(1).await.0, 200);
    });
}

#[test]
fn of_a_cancellation_and_a_step_at_the_same_time_one_wins() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (id, taken_first) in (1..=40).zip(cases(40, proptest::bool::ANY)) {
            world.take(vec![ordered(id)]).await;
            let cancel = world.cancel(id);
            let take = world.change(&OPEN, id, "cook");
            let (cancel, take) = if taken_first {
                let (take, cancel) = tokio::join!(take, cancel);
                (cancel.0, take.0)
            } else {
                let (cancel, take) = tokio::join!(cancel, take);
                (cancel.0, take.0)
            };
            let expected = match (cancel, take) {
                (200, 409) => Status::Cancel,
                (409, 200) => Status::Cook,
                other => panic!("{other:?}"),
            };
            assert_eq!(world.status(id).await, Some(expected));
        }
    });
}

#[test]
fn only_services_cancel() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let body = json!({ "orderId": 9, "shopId": 1 });
        for (principal, status) in [(customer("ann"), 403), (shop(1), 403), (OPEN, 200)] {
            assert_eq!(world.post(&principal, "/cancellations", &body).await.0, status, "{principal:?}");
        }
        let (status, problem) = world.post(&OPEN, "/cancellations", &json!({ "orderId": 9 })).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("#/shopId")));
    });
}
