//! The commands of a shop.

use chassis::Principal;
use cook_contract::{CookStarted, Cooked};
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::{OPEN, World, customer, ordered, shop, user};

#[test]
fn a_kitchen_takes_and_finishes_an_order_and_the_same_again_has_no_effect() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![ordered(9)]).await;
        let (status, problem) = world.change(&OPEN, 9, "cooked").await;
        assert_eq!((status, &problem["cookStatus"]), (409, &json!("order")));
        let body = json!({ "orderId": "9", "cookStatus": "cook" });
        assert_eq!(world.post(&OPEN, "/cook/statusChange", &body).await.0, 200, "digits are a number");
        for step in ["cook", "cook", "cooked", "cooked"] {
            let (status, order) = world.change(&shop(1), 9, step).await;
            assert_eq!((status, &order["cookStatus"]), (200, &json!(step)));
        }
        let (status, problem) = world.change(&OPEN, 9, "cook").await;
        assert_eq!((status, &problem["cookStatus"]), (409, &json!("cooked")));
        let expected = [CookStarted { order_id: 9, shop_id: 1 }.into(), Cooked { order_id: 9, shop_id: 1 }.into()];
        assert_eq!(world.staged(9).await, expected);
    });
}

#[test]
fn the_state_of_an_order_is_a_text() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let state = async |principal: &Principal| world.get(principal, "/cook/cookStatusCheck?orderId=9").await;
        assert_eq!(state(&OPEN).await.0, 404);
        world.take(vec![ordered(9)]).await;
        assert_eq!(state(&OPEN).await, (200, json!("order")));
        for (principal, expected) in [(customer("ann"), 200), (customer("bob"), 404), (shop(1), 200), (shop(2), 404)] {
            assert_eq!(state(&principal).await.0, expected, "{principal:?}");
        }
        for (query, status) in [("", 422), ("?orderId=0", 400), ("?orderId=1&orderId=2", 400)] {
            assert_eq!(world.get(&OPEN, &format!("/cook/cookStatusCheck{query}")).await.0, status, "{query}");
        }
    });
}

#[test]
fn a_shop_takes_its_own_orders_only_and_a_customer_none() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.take(vec![ordered(9)]).await;
        let without_shop = user(identity::Identity::new("max", ["shop"]));
        for (principal, status) in [(shop(2), 404), (without_shop, 403), (customer("ann"), 403), (shop(1), 200)] {
            assert_eq!(world.change(&principal, 9, "cook").await.0, status, "{principal:?}");
        }
        let operator = user(identity::Identity::new("olga", ["operator"]));
        assert_eq!(world.change(&operator, 9, "cooked").await.0, 200);
    });
}

#[test]
fn an_invalid_step_names_the_field_and_an_unknown_order_is_not_found() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (body, field) in [
            (json!({ "cookStatus": "cook" }), "orderId"),
            (json!({ "orderId": 0, "cookStatus": "cook" }), "orderId"),
            (json!({ "orderId": 9 }), "cookStatus"),
            (json!({ "orderId": 9, "cookStatus": "order" }), "cookStatus"),
        ] {
            let (status, problem) = world.post(&OPEN, "/cook/statusChange", &body).await;
            let pointer = format!("#/{field}");
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &Value::from(pointer)), "{body}");
        }
        assert_eq!(world.change(&OPEN, 9, "cook").await.0, 404);
    });
}
