//! Rooms over HTTP: what managers do with them, and whether they are free.

use axum::http::Method;
use chassis::Principal;
use serde_json::{Value, json};
use storage_contract::{StorageDeleted, StorageEvent, StorageModified};
use test_stores::on_each_store;

use crate::{OPEN, PRICE, World, cancelled, customer, kind, person};

fn big_storage() -> Value {
    json!({ "description": "BigStorage", "price": PRICE, "storageStatus": "available", "storageId": 1 })
}

async fn patch(world: &World, path: &str, body: &Value) -> (u16, Value) {
    world.call(&OPEN, Method::PATCH, path, body).await
}

async fn delete(world: &World, principal: &Principal, path: &str) -> u16 {
    world.call(principal, Method::DELETE, path, &Value::Null).await.0
}

#[test]
fn a_room_is_registered_and_shown() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (status, room) = world.post(&OPEN, "/storages", &big_storage()).await;
        let expected = json!({
            "id": 1, "storageId": 1, "description": "BigStorage", "price": PRICE, "storageStatus": "available",
            "reviewCnt": 0,
            "_links": { "self": { "href": "/storages/1" }, "reviews": { "href": "/reviews?storageId=1" } },
        });
        assert_eq!((status, &room), (201, &expected));
        assert_eq!(world.get(&OPEN, "/storages/1").await, (200, expected));
        assert_eq!(world.get(&OPEN, "/storages/2").await.0, 404);
    });
}

#[test]
fn a_room_without_an_id_gets_one_and_may_have_no_price() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (status, first) = world.post(&OPEN, "/storages", &json!({ "desc": "BigStorage" })).await;
        assert_eq!((status, &first["description"], &first["price"]), (201, &json!("BigStorage"), &Value::Null));
        let (status, second) = world.post(&OPEN, "/storages", &json!({ "desc": "BigStorage" })).await;
        assert_eq!(status, 201);
        assert_ne!(first["storageId"], second["storageId"]);
        let path = first["_links"]["self"]["href"].as_str().unwrap();
        assert_eq!(world.get(&OPEN, path).await, (200, first.clone()));
    });
}

#[test]
fn the_same_registration_again_is_200_and_another_one_under_its_id_409() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        let (_, room) = world.post(&OPEN, "/storages", &big_storage()).await;
        let again = json!({ "desc": "BigStorage", "price": PRICE.to_string(), "storageId": "1" });
        assert_eq!(world.post(&OPEN, "/storages", &again).await, (200, room));
        for other in [
            json!({ "description": "Other", "price": PRICE, "storageId": 1 }),
            json!({ "description": "BigStorage", "price": 1, "storageId": 1 }),
            json!({ "description": "BigStorage", "storageId": 1 }),
        ] {
            assert_eq!(world.post(&OPEN, "/storages", &other).await.0, 409, "{other}");
        }
        let sql = "SELECT COUNT(*) FROM outbox";
        let events: i64 = sqlx::query_scalar(sql).fetch_one(world.store.reader()).await.unwrap();
        assert_eq!(events, 1);
    });
}

#[test]
fn an_invalid_registration_names_the_field() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let long = "é".repeat(256);
        for (field, body) in [
            ("description", json!({ "price": PRICE })),
            ("description", json!({ "description": "" })),
            ("description", json!({ "description": long })),
            ("description", json!({ "description": 7 })),
            ("desc", json!({ "desc": "" })),
            ("price", json!({ "description": "BigStorage", "price": 0 })),
            ("price", json!({ "description": "BigStorage", "price": 1.5 })),
            ("price", json!({ "description": "BigStorage", "price": "x" })),
            ("storageId", json!({ "description": "BigStorage", "storageId": 0 })),
            ("storageStatus", json!({ "description": "BigStorage", "storageStatus": "reserved" })),
            ("storageStatus", json!({ "description": "BigStorage", "storageStatus": 1 })),
        ] {
            let (status, problem) = world.post(&OPEN, "/storages", &body).await;
            let pointer = format!("#/{field}");
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer.as_str())), "{body}");
        }
        assert_eq!(patch(&world, "/storages/1", &json!({ "price": -1 })).await.0, 422);
        assert_eq!(patch(&world, "/storages/1", &json!({ "desc": "" })).await.0, 422);
        assert_eq!(world.listed("/storages", "storages").await, [1]);
    });
}

#[test]
fn a_changed_price_holds_for_later_holds_only() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let hold = world.hold(1, 9, 1).await.unwrap();
        let (status, room) = patch(&world, "/storages/1", &json!({ "price": 5 })).await;
        assert_eq!((status, &room["price"], &room["description"]), (200, &json!(5), &json!("BigStorage")));
        assert_eq!(patch(&world, "/storages/1", &json!({ "price": 5 })).await, (200, room));
        assert_eq!(world.hold(1, 9, 1).await, Ok(hold.clone()), "the reply is the same");
        world.take(vec![cancelled(&hold)]).await;
        assert_eq!(world.hold(1, 8, 1).await.unwrap().price, 5);
        let description = "BigStorage".to_owned();
        let modified = StorageModified { storage_id: 1, version: 2, description, price: Some(5) };
        assert_eq!(world.staged(1).await[0], StorageEvent::from(modified));
        assert_eq!(world.staged(1).await.len(), 2, "one event of one change");
        assert_eq!(patch(&world, "/storages/2", &json!({ "price": 5 })).await.0, 404);
    });
}

#[test]
fn a_room_is_deleted_for_good_unless_a_reservation_has_it() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let hold = world.hold(1, 9, 1).await.unwrap();
        assert_eq!(delete(&world, &OPEN, "/storages/1").await, 409);
        world.take(vec![crate::confirmed(&hold)]).await;
        assert_eq!(delete(&world, &OPEN, "/storages/1").await, 409);
        world.take(vec![cancelled(&hold)]).await;
        assert_eq!(delete(&world, &OPEN, "/storages/1").await, 204);
        let deleted = StorageEvent::from(StorageDeleted { storage_id: 1, version: 2 });
        assert_eq!(world.staged(1).await.last(), Some(&deleted));
        assert_eq!(world.get(&OPEN, "/storages/1").await.0, 404);
        assert_eq!(world.get(&OPEN, "/check/chkAndReqReserve?storageId=1").await.0, 404);
        assert_eq!(world.listed("/storages", "storages").await, [0; 0]);
        assert_eq!(delete(&world, &OPEN, "/storages/1").await, 404);
        assert_eq!(patch(&world, "/storages/1", &json!({ "price": 5 })).await.0, 404);
        assert_eq!(world.post(&OPEN, "/storages", &big_storage()).await.0, 409, "its id is not used again");
        assert_eq!(world.post(&OPEN, "/reviews", &json!({ "storageId": 1, "content": "dry" })).await.0, 404);
        let hold = json!({ "storageId": 1, "reservationId": 7, "attempt": 1 });
        let (status, problem) = world.post(&Principal::Service, "/holds", &hold).await;
        assert_eq!((status, kind(&problem)), (404, "storage-unknown"));
    });
}

#[test]
fn rooms_are_listed_by_status_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for id in 1..=9 {
            world.register(id).await;
            if id % 3 == 1 {
                world.hold(id, 100 + id, 1).await.unwrap();
            }
            if id % 3 == 2 {
                world.reserve(id, 100 + id, None).await;
            }
        }
        for (path, expected) in [
            ("/storages", (1..=9).collect::<Vec<i64>>()),
            ("/storages?status=reserving", vec![1, 4, 7]),
            ("/storages?status=reserved", vec![2, 5, 8]),
            ("/storages?status=available", vec![3, 6, 9]),
        ] {
            assert_eq!(world.listed(path, "storages").await, expected, "{path}");
        }
        assert_eq!(world.get(&OPEN, "/storages?status=deleted").await.0, 400);
    });
}

#[test]
fn a_check_is_true_for_a_free_room_and_holds_nothing() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let check = async |query: &str| world.get(&OPEN, &format!("/check/chkAndReqReserve{query}")).await;
        for _ in 0..3 {
            assert_eq!(check("?storageId=1").await, (200, json!(true)));
        }
        let hold = world.hold(1, 9, 1).await.unwrap();
        assert_eq!((hold.number, check("?storageId=1").await), (1, (200, json!(false))));
        world.take(vec![crate::confirmed(&hold)]).await;
        assert_eq!(check("?storageId=1").await, (200, json!(false)));
        world.take(vec![cancelled(&hold)]).await;
        assert_eq!(check("?storageId=1").await, (200, json!(true)));
        for (query, expected) in [
            ("", 422),
            ("?storageId=", 400),
            ("?storageId=x", 400),
            ("?storageId=1&storageId=1", 400),
            ("?storageId=2", 404),
        ] {
            assert_eq!(check(query).await.0, expected, "{query}");
        }
    });
}

#[test]
fn each_role_may_do_what_the_table_states() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.reserve(1, 9, Some("ann")).await;
        // The caller, and the replies to: register, change, delete, show, list, check, list reviews, review.
        let manager = person("max", &["manager"]);
        for (id, (who, principal, expected)) in (10..).zip([
            ("a manager", manager, [201, 200, 204, 200, 200, 200, 200, 403]),
            ("a customer", customer("ann"), [403, 403, 403, 200, 200, 200, 200, 201]),
            ("without a role", person("ann", &[]), [403; 8]),
            ("an operator", person("ann", &["operator"]), [403; 8]),
            ("a service", Principal::Service, [403; 8]),
            ("anybody, with authentication disabled", OPEN, [201, 200, 204, 200, 200, 200, 200, 409]),
        ]) {
            let body = json!({ "description": "BigStorage", "storageId": id });
            let path = format!("/storages/{id}");
            let registered = world.post(&principal, "/storages", &body).await.0;
            if registered == 403 {
                world.register(id).await;
            }
            let replies = [
                registered,
                world.call(&principal, Method::PATCH, &path, &json!({ "price": 5 })).await.0,
                delete(&world, &principal, &path).await,
                world.get(&principal, "/storages/1").await.0,
                world.get(&principal, "/storages").await.0,
                world.get(&principal, "/check/chkAndReqReserve?storageId=1").await.0,
                world.get(&principal, "/reviews").await.0,
                world.post(&principal, "/reviews", &json!({ "storageId": 1, "content": "dry" })).await.0,
            ];
            assert_eq!(replies, expected, "{who}");
        }
    });
}
