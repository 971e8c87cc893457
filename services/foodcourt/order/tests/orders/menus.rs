//! The menus of the shops.

use axum::http::Method;
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::{OPEN, World, customer, operator, pointer, shop};

#[test]
fn three_shops_are_the_default_and_dish_1_of_shop_1_costs_1000() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (status, page) = world.get(&customer("ann"), "/menus?shopId=1").await;
        let dishes = page["_embedded"]["menus"].as_array().unwrap();
        assert_eq!((status, dishes.len()), (200, 3));
        let dish = &dishes[0];
        assert_eq!((&dish["shopId"], &dish["menuId"], &dish["price"]), (&json!(1), &json!(1), &json!(1_000)));
        assert_eq!(dish["_links"]["self"]["href"], "/menus/1/1");
        assert_eq!(world.get(&OPEN, "/menus/1/1").await, (200, dish.clone()));
        let all = world.get(&OPEN, "/menus").await.1["_embedded"]["menus"].as_array().unwrap().clone();
        let mut shops: Vec<i64> = all.iter().map(|dish| dish["shopId"].as_i64().unwrap()).collect();
        shops.dedup();
        assert_eq!(shops, [1, 2, 3]);
    });
}

#[test]
fn a_shop_puts_changes_and_deletes_dishes_of_its_own_menu() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let dish = json!({ "name": "Soup", "price": "700" });
        for (principal, path, status) in [
            (shop(4), "/menus/4/1", 201),
            (shop(4), "/menus/4/1", 200),
            (shop(4), "/menus/1/1", 403),
            (customer("ann"), "/menus/4/1", 403),
            (operator(), "/menus/5/1", 201),
            (OPEN, "/menus/0/1", 404),
            (OPEN, "/menus/4/x", 404),
        ] {
            assert_eq!(world.call(&principal, Method::PUT, path, &dish).await.0, status, "{path} {principal:?}");
        }
        assert_eq!(world.get(&OPEN, "/menus/4/1").await.1["price"], json!(700));
        for (principal, status) in [(shop(5), 403), (customer("ann"), 403), (shop(4), 204), (shop(4), 404)] {
            assert_eq!(world.call(&principal, Method::DELETE, "/menus/4/1", &Value::Null).await.0, status);
        }
        assert_eq!(world.get(&OPEN, "/menus/4/1").await.0, 404);
    });
}

#[test]
fn an_invalid_dish_names_the_field() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (field, value) in [
            ("name", Value::Null),
            ("name", json!("  ")),
            ("name", json!("x".repeat(256))),
            ("price", Value::Null),
            ("price", json!(0)),
            ("price", json!(1_000_000_001)),
        ] {
            let mut dish = json!({ "name": "Soup", "price": 700 });
            dish[field] = value;
            let (status, problem) = world.call(&OPEN, Method::PUT, "/menus/4/1", &dish).await;
            assert_eq!((status, pointer(&problem)), (422, format!("#/{field}").as_str()), "{dish}");
        }
    });
}
