//! Cancellations: one decision with the kitchen.

use axum::http::Method;
use context::saga::Reply;
use cook_contract::{CookEvent, CookStarted};
use foodcourt_order_contract::{Canceled, OrderEvent};
use foodcourt_order_domain::Progress;
use serde_json::{Value, json};
use std::time::Duration;
use test_stores::on_each_store;

use crate::{OPEN, RECOVER_AFTER, World, customer, operator, pointer, shop};

/// What follows the event of the order.
async fn later(world: &World, order_id: i64) -> Vec<OrderEvent> {
    world.staged(order_id).await.split_off(1)
}

fn canceled(order_id: i64) -> OrderEvent {
    Canceled { order_id, shop_id: 1 }.into()
}

#[test]
fn an_order_is_cancelled_once_and_the_same_again_does_not_ask_the_kitchen() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for id in 1..=2 {
            world.order(&OPEN, id).await;
        }
        for _ in 0..2 {
            assert_eq!(world.cancel(&OPEN, 1).await, (200, json!(true)));
            let patch = json!({ "status": "cancel" });
            assert_eq!(world.call(&OPEN, Method::PATCH, "/orders/2", &patch).await, (200, json!(true)));
        }
        assert_eq!(world.kitchen.asked(), 2);
        for id in 1..=2 {
            assert_eq!(world.status(id).await, ("cancel".to_owned(), false));
            assert_eq!(later(&world, id).await, [canceled(id)]);
        }
    });
}

#[test]
fn a_cancellation_that_is_too_late_names_the_state_in_the_kitchen_and_changes_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        for progress in [Progress::Cook, Progress::Cooked] {
            world.kitchen.replies([Reply::Declined(progress)]);
            let (status, problem) = world.cancel(&OPEN, 1).await;
            assert_eq!((status, &problem["cookStatus"]), (409, &json!(progress.name())));
        }
        assert_eq!(world.status(1).await, ("order".to_owned(), false));
        assert!(later(&world, 1).await.is_empty());
    });
}

#[test]
fn without_the_kitchen_it_is_unavailable_and_nothing_has_changed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        world.kitchen.replies([Reply::NotSent(Duration::from_secs(2))]);
        assert_eq!(world.cancel(&OPEN, 1).await.0, 503);
        world.kitchen.is_away(true);
        assert_eq!(world.cancel(&OPEN, 1).await.0, 503);
        assert_eq!((world.status(1).await, world.kitchen.asked()), (("order".to_owned(), false), 1));
        world.kitchen.is_away(false);
        assert_eq!(world.cancel(&OPEN, 1).await.0, 200);
    });
}

#[test]
fn a_yes_that_is_lost_is_undecided_until_the_kitchen_says_it_again_without_anyone_asking() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        world.kitchen.replies([Reply::Unknown, Reply::Unknown]);
        assert_eq!(world.cancel(&OPEN, 1).await.0, 503);
        assert_eq!(world.status(1).await, ("order".to_owned(), true));
        assert_eq!(world.saga.recover_due().await.unwrap(), 0, "the kitchen does not answer");
        assert_eq!(world.status(1).await, ("order".to_owned(), true));
        world.clock.advance(Duration::from_secs(10));
        assert_eq!(world.saga.recover_due().await.unwrap(), 1);
        assert_eq!(world.status(1).await, ("cancel".to_owned(), false));
        assert_eq!(later(&world, 1).await, [canceled(1)]);
        assert_eq!(world.cancel(&OPEN, 1).await, (200, json!(true)));
    });
}

#[test]
fn a_kitchen_that_takes_the_order_in_between_wins_and_the_order_is_not_undecided_any_more() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        world.kitchen.replies([Reply::Unknown, Reply::Declined(Progress::Cook), Reply::Declined(Progress::Cook)]);
        assert_eq!(world.cancel(&OPEN, 1).await.0, 503);
        world.take([CookEvent::from(CookStarted { order_id: 1, shop_id: 1 })]).await;
        assert_eq!(world.status(1).await, ("cook".to_owned(), true));
        world.saga.recover_due().await.unwrap();
        assert_eq!(world.status(1).await, ("cook".to_owned(), false));
        assert!(later(&world, 1).await.is_empty());
        let (status, problem) = world.cancel(&OPEN, 1).await;
        assert_eq!((status, &problem["cookStatus"]), (409, &json!("cook")));
    });
}

/// The process died after the kitchen had agreed, and before it stored the decision: the row is pending.
#[test]
fn a_cancellation_that_its_process_has_left_behind_is_completed_by_the_recovery() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        let sql =
            "INSERT INTO cancellations (order_id, attempt, shop_id, phase, retry_at) VALUES (1, 1, 1, 'pending', $1)";
        let retry_at = crate::NOW.plus(RECOVER_AFTER).as_micros();
        sqlx::query(sql).bind(retry_at).execute(world.store.writer()).await.unwrap();
        assert_eq!(world.status(1).await, ("order".to_owned(), true));
        assert_eq!(world.saga.recover_due().await.unwrap(), 0, "its request may still be under way");
        world.clock.advance(RECOVER_AFTER);
        assert_eq!(world.saga.recover_due().await.unwrap(), 1);
        assert_eq!((world.status(1).await, world.kitchen.asked()), (("cancel".to_owned(), false), 1));
        assert_eq!(later(&world, 1).await, [canceled(1)]);
    });
}

#[test]
fn a_customer_cancels_its_own_orders_only() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&customer("ann"), 1).await;
        for (principal, status) in [(customer("bob"), 404), (shop(1), 403), (operator(), 403), (customer("ann"), 200)] {
            assert_eq!(world.cancel(&principal, 1).await.0, status, "{principal:?}");
        }
        assert_eq!(world.cancel(&OPEN, 2).await.0, 404);
    });
}

#[test]
fn an_invalid_cancellation_names_the_field_and_one_of_an_order_that_has_changed_is_refused() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.order(&OPEN, 1).await;
        for (body, field) in [
            (json!({}), "orderId"),
            (json!({ "orderId": 0 }), "orderId"),
            (json!({ "orderId": 1, "status": "order" }), "status"),
        ] {
            let (status, problem) = world.post(&OPEN, "/orders/cancel", &body).await;
            assert_eq!((status, pointer(&problem)), (422, format!("#/{field}").as_str()), "{body}");
        }
        let patch = async |body: Value, headers: &[(&str, &str)]| {
            world.call_with(&OPEN, Method::PATCH, "/orders/1", &body, headers).await
        };
        assert_eq!(patch(json!({}), &[]).await.0, 422);
        let cancel = json!({ "status": "cancel" });
        assert_eq!(patch(cancel.clone(), &[("if-match", "\"0\"")]).await.0, 412);
        assert_eq!((patch(cancel, &[("if-match", "*")]).await.0, world.kitchen.asked()), (200, 1));
    });
}
