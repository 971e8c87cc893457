//! Customers order, even while the kitchen is away.

use axum::http::Method;
use foodcourt_order_contract::Ordered;
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::{OPEN, World, customer, operator, pointer, shop};

#[test]
fn an_order_has_the_price_of_its_dish_and_its_event_and_the_same_again_is_known() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.kitchen.is_away(true);
        let body = json!({ "orderId": "7", "shopId": "1", "menuId": 1, "qty": "3" });
        let (status, order) = world.post(&customer("ann"), "/orders", &body).await;
        assert_eq!(status, 201, "{order}");
        for (field, value) in [
            ("orderId", json!(7)),
            ("shopId", json!(1)),
            ("qty", json!(3)),
            ("price", json!(1_000)),
            ("amount", json!(3_000)),
            ("status", json!("order")),
            ("cancellation", Value::Null),
        ] {
            assert_eq!(order[field], value, "{field}");
        }
        let ordered =
            Ordered { order_id: 7, shop_id: 1, menu_id: 1, qty: 3, price: 1_000, customer: Some("ann".to_owned()) };
        for _ in 0..2 {
            assert_eq!(world.post(&customer("ann"), "/orders/order", &body).await, (200, order.clone()));
        }
        assert_eq!(world.staged(7).await, [ordered.into()]);
        let other = json!({ "orderId": 7, "shopId": 1, "menuId": 1, "qty": 4 });
        assert_eq!(world.post(&customer("ann"), "/orders", &other).await.0, 409);
        let (status, problem) = world.post(&customer("bob"), "/orders", &body).await;
        assert_eq!((status, problem["detail"].as_str().unwrap().contains("taken")), (409, true));
    });
}

#[test]
fn an_order_without_an_id_gets_one_and_each_is_another_order() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let body = json!({ "shopId": 2, "menuId": 1, "qty": 1, "price": 1_100 });
        let (first, second) = (world.post(&OPEN, "/orders", &body).await, world.post(&OPEN, "/orders", &body).await);
        assert_eq!((first.0, second.0), (201, 201));
        assert_ne!(first.1["orderId"], second.1["orderId"]);
    });
}

#[test]
fn what_cannot_be_ordered_is_refused_and_the_reason_is_named() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let order = |field: &str, value: Value| {
            let mut body = json!({ "orderId": 1, "shopId": 1, "menuId": 1, "qty": 1 });
            body[field] = value;
            body
        };
        for (body, expected, text) in [
            (order("shopId", json!(9)), 404, "the shop 9 has no dish 1"),
            (order("menuId", json!(9)), 404, "the shop 1 has no dish 9"),
            (order("price", json!(999)), 409, "the price is 1000, and 999 was expected"),
        ] {
            let (status, problem) = world.post(&OPEN, "/orders", &body).await;
            assert_eq!((status, problem["detail"].as_str().unwrap()), (expected, text));
        }
        for (field, value) in [
            ("shopId", Value::Null),
            ("shopId", json!(0)),
            ("menuId", Value::Null),
            ("qty", Value::Null),
            ("qty", json!(0)),
            ("qty", json!(100)),
            ("qty", json!(1.5)),
            ("orderId", json!("x")),
            ("price", json!(0)),
            ("status", json!("cook")),
        ] {
            let (status, problem) = world.post(&OPEN, "/orders", &order(field, value.clone())).await;
            assert_eq!((status, pointer(&problem)), (422, format!("#/{field}").as_str()), "{value}");
        }
        assert!(world.staged(1).await.is_empty());
    });
}

#[test]
fn an_order_keeps_the_price_of_its_time() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        assert_eq!(world.order(&OPEN, 1).await.0, 201);
        let dish = json!({ "name": "Bibimbap", "price": 1_200 });
        assert_eq!(world.call(&OPEN, Method::PUT, "/menus/1/1", &dish).await.0, 200);
        assert_eq!(world.order(&OPEN, 1).await.0, 200, "it was ordered before");
        assert_eq!(world.order(&OPEN, 2).await.0, 409);
        assert_eq!(world.call(&OPEN, Method::DELETE, "/menus/1/1", &Value::Null).await.0, 204);
        assert_eq!(world.get(&OPEN, "/orders/1").await.1["price"], json!(1_000));
        assert_eq!(world.order(&OPEN, 2).await.0, 404);
    });
}

#[test]
fn a_customer_sees_its_own_orders_and_a_shop_those_of_the_shop() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (name, id, shop) in [("ann", 1, 1), ("bob", 2, 1), ("ann", 3, 2)] {
            let body = json!({ "orderId": id, "shopId": shop, "menuId": 1, "qty": 1 });
            assert_eq!(world.post(&customer(name), "/orders", &body).await.0, 201);
        }
        for (principal, path, expected) in [
            (OPEN, "/orders", vec![1, 2, 3]),
            (operator(), "/orders?shopId=1", vec![1, 2]),
            (customer("ann"), "/orders", vec![1, 3]),
            (customer("ann"), "/orders?shopId=2", vec![3]),
            (shop(1), "/orders", vec![1, 2]),
            (shop(1), "/orders?shopId=2", vec![]),
        ] {
            assert_eq!(world.listed(&principal, path).await, expected, "{path} {principal:?}");
        }
        for (principal, status) in [(customer("ann"), 200), (customer("bob"), 404), (shop(1), 200), (shop(2), 404)] {
            assert_eq!(world.get(&principal, "/orders/1").await.0, status, "{principal:?}");
        }
        assert_eq!(world.order(&shop(1), 9).await.0, 403, "shops do not order");
    });
}
