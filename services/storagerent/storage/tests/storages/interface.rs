//! What the reservation context calls: `/holds` and `/releases`.

use axum::http::Method;
use chassis::Principal;
use serde_json::{Value, json};
use storage_domain::Status;
use storage_service::Storages;
use test_stores::on_each_store;

use crate::{OPEN, PRICE, World, customer, kind, person};

const SERVICE: Principal = Principal::Service;

fn attempt(reservation_id: i64, attempt: i64) -> Value {
    json!({ "storageId": 1, "reservationId": reservation_id, "attempt": attempt })
}

#[test]
fn a_hold_replies_with_its_number_and_the_price_and_the_same_again() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let body = json!({ "storageId": 1, "reservationId": 9, "attempt": 1, "price": PRICE, "customer": "ann" });
        let expected = (200, json!({ "storageId": 1, "hold": 1, "price": PRICE }));
        assert_eq!(world.post(&SERVICE, "/holds", &body).await, expected);
        world.call(&OPEN, Method::PATCH, "/storages/1", &json!({ "price": 5 })).await;
        assert_eq!(world.post(&SERVICE, "/holds", &body).await, expected);
        assert_eq!(world.known(9).await.unwrap().customer.as_deref(), Some("ann"));
    });
}

#[test]
fn each_refusal_of_a_hold_has_its_type_and_no_effect() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let without_price = json!({ "storageId": 2, "description": "BigStorage" });
        assert_eq!(world.post(&OPEN, "/storages", &without_price).await.0, 201);
        world.release(1, 8, 1).await.unwrap();
        let of_storage = |storage_id: i64| json!({ "storageId": storage_id, "reservationId": 7, "attempt": 1 });
        let priced = json!({ "storageId": 1, "reservationId": 7, "attempt": 1, "price": 5 });
        let rooms = [world.room(1).await, world.room(2).await];
        for (body, status, expected) in [
            (of_storage(3), 404, "storage-unknown"),
            (of_storage(2), 409, "storage-without-price"),
            (priced.clone(), 409, "other-price"),
            (attempt(8, 1), 409, "hold-released"),
        ] {
            let (replied, problem) = world.post(&SERVICE, "/holds", &body).await;
            assert_eq!((replied, kind(&problem)), (status, expected), "{body}");
            assert_eq!([world.room(1).await, world.room(2).await], rooms, "{body}");
        }
        assert_eq!(world.known(7).await, None);
        let (_, problem) = world.post(&SERVICE, "/holds", &priced).await;
        assert_eq!(problem["detail"], json!(format!("the price is {PRICE}, and 5 was expected")));
        world.hold(1, 9, 1).await.unwrap();
        let (replied, problem) = world.post(&SERVICE, "/holds", &attempt(7, 1)).await;
        assert_eq!((replied, kind(&problem)), (409, "storage-taken"));
        assert_eq!((world.status(1).await, world.known(7).await), (Status::Reserving(9), None));
    });
}

#[test]
fn a_release_is_repeated_and_comes_before_or_after_its_hold() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.hold(1, 9, 1).await.unwrap();
        for body in [attempt(9, 1), attempt(9, 1), attempt(8, 1)] {
            assert_eq!(world.post(&SERVICE, "/releases", &body).await, (200, json!({ "storageId": 1 })), "{body}");
        }
        assert_eq!(world.status(1).await, Status::Available);
        for body in [attempt(9, 1), attempt(8, 1)] {
            let (status, problem) = world.post(&SERVICE, "/holds", &body).await;
            assert_eq!((status, kind(&problem)), (409, "hold-released"), "{body}");
        }
        world.hold(1, 9, 2).await.unwrap();
        assert_eq!(world.post(&SERVICE, "/releases", &attempt(9, 3)).await.0, 409, "attempt 2 holds the room");
        assert_eq!(world.post(&SERVICE, "/releases", &attempt(9, 1)).await.0, 200, "attempt 1 is released");
        assert_eq!(world.status(1).await, Status::Reserving(9));
    });
}

#[test]
fn only_services_hold_and_release() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        for (who, expected) in [(customer("ann"), 403), (person("max", &["manager"]), 403), (SERVICE, 200), (OPEN, 200)]
        {
            assert_eq!(world.post(&who, "/holds", &attempt(9, 1)).await.0, expected, "{who:?}");
            assert_eq!(world.post(&who, "/releases", &attempt(8, 1)).await.0, expected, "{who:?}");
        }
    });
}

#[test]
fn an_invalid_hold_names_the_field() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (field, value) in [
            ("storageId", Value::Null),
            ("reservationId", json!(0)),
            ("attempt", json!("x")),
            ("price", json!(0)),
            ("customer", json!("a\nb")),
        ] {
            let mut body = attempt(9, 1);
            body[field] = value;
            let (status, problem) = world.post(&SERVICE, "/holds", &body).await;
            let pointer = format!("#/{field}");
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer.as_str())), "{body}");
        }
    });
}

#[test]
fn the_document_has_all_operations_and_requires_the_fields_that_are_needed() {
    let document = serde_json::to_value(context::document::<Storages>()).unwrap();
    let mut operations: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| {
            item.as_object()
                .unwrap()
                .values()
                .filter_map(|operation| operation["operationId"].as_str().map(str::to_owned))
        })
        .collect();
    operations.sort();
    let expected = [
        "checkStorage",
        "deleteStorage",
        "holdStorage",
        "listReviews",
        "listStorages",
        "modifyStorage",
        "modifyStorageByPut",
        "registerStorage",
        "releaseStorage",
        "showReview",
        "showStorage",
        "writeReview",
    ];
    assert_eq!(operations, expected);
    let required = |path: &str, method: &str| {
        document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]["required"].clone()
    };
    assert_eq!(required("/storages", "post"), json!(["description"]));
    assert_eq!(required("/storages/{id}", "patch"), Value::Null);
    assert_eq!(required("/holds", "post"), json!(["storageId", "reservationId", "attempt"]));
    assert_eq!(required("/reviews", "post"), json!(["storageId", "content"]));
}
