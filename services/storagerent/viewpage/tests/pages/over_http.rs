//! Who sees which page, over HTTP.

use axum::body::to_bytes;
use chassis::Principal;
use identity::Identity;
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::{World, registered, reserved, reviewed};

fn person(role: &str) -> Principal {
    let identity = Identity::new("kim", [role]);
    Principal::User { identity, operator_role: "manager".into() }
}

async fn document(world: &World, principal: &Principal, path: &str) -> (u16, Value) {
    let (head, body) = world.get(principal, path, &[]).await.into_parts();
    let body = to_bytes(body, 1 << 16).await.unwrap();
    (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

#[test]
fn customers_and_managers_see_all_pages() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![registered(1), registered(2)]).await;
        for (principal, expected) in [
            (person("customer"), 200),
            (person("manager"), 200),
            (Principal::Unauthenticated, 200),
            (person("cook"), 403),
            (Principal::Service, 403),
        ] {
            for path in ["/storageviews", "/storageviews/1", "/storageviews/1/events"] {
                let status = world.get(&principal, path, &[]).await.status();
                assert_eq!(status, expected, "{path}, {principal:?}");
            }
        }
        assert_eq!(document(&world, &person("customer"), "/storageviews/3").await.0, 404);
    });
}

#[test]
fn a_page_shows_the_room_with_its_reservation_its_payment_and_its_reviews() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume([vec![registered(3), registered(1), reviewed(1)], reserved(1, 1).to_vec()].concat()).await;
        let expected = json!({
            "id": 1, "description": "BigStorage", "price": 100, "storageStatus": "reserved", "reservationId": 11,
            "reservationStatus": "reserved", "paymentId": 11, "paymentStatus": "approved", "reviewCnt": 1,
            "_links": { "self": { "href": "/storageviews/1" }, "events": { "href": "/storageviews/1/events" } },
        });
        assert_eq!(document(&world, &person("customer"), "/storageviews/1").await, (200, expected.clone()));
        let (_, list) = document(&world, &person("manager"), "/storageviews").await;
        let items = &list["_embedded"]["storageviews"];
        assert_eq!((&items[0], &items[1]["id"]), (&expected, &json!(3)));
    });
}
