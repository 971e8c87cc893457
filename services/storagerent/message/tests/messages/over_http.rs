//! Who sees which messages, and who writes one.

use chassis::Principal;
use identity::Identity;
use serde_json::{Value, json};
use test_stores::on_each_store;

use crate::{NOW, World, cancelled, confirmed, content, customer_of};

fn person(name: &str, role: &str) -> Principal {
    let identity = Identity::new(name, [role]);
    Principal::User { identity, operator_role: "manager".into() }
}

fn customer(reservation_id: i64) -> Principal {
    person(&customer_of(reservation_id), "customer")
}

fn manager() -> Principal {
    person("mia", "manager")
}

/// Reservations 1 to 4, of the rooms 2, 3, 1, 2, of which the first is cancelled.
async fn reserve(world: &World) {
    world.consume([(1..=4).map(|id| confirmed(id, 1)).collect(), vec![cancelled(1, 1)]].concat()).await;
}

#[test]
fn messages_are_listed_newest_first_and_by_room() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        reserve(&world).await;
        let cancelled = content(1, "cancelled");
        let of = |id| content(id, "confirmed");
        for (principal, query, expected) in [
            (manager(), "", vec![cancelled.clone(), of(4), of(3), of(2), of(1)]),
            (Principal::Unauthenticated, "&storageId=2", vec![cancelled.clone(), of(4), of(1)]),
            (manager(), "&storageId=7", vec![]),
            (customer(1), "", vec![cancelled, of(1)]),
            (customer(1), "&storageId=3", vec![]),
            (customer(4), "&storageId=2", vec![of(4)]),
        ] {
            let listed = world.listed(&principal, &format!("/messages?size=2{query}")).await;
            assert_eq!(listed, expected, "{query}, {principal:?}");
        }
        let (status, problem) = world.get(&manager(), "/messages?storageId=x").await;
        assert_eq!((status, problem["detail"].as_str().unwrap().starts_with("storageId must be")), (400, true));
    });
}

#[test]
fn a_message_is_shown_to_its_customer_and_to_managers() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.consume(vec![confirmed(1, 1)]).await;
        let expected = json!({
            "id": 1, "storageId": 2, "reservationId": 1, "content": "The reservation 1 of room 2 is confirmed.",
            "writtenAt": NOW.to_string(), "_links": { "self": { "href": "/messages/1" } },
        });
        for (principal, status) in [
            (customer(1), 200),
            (manager(), 200),
            (Principal::Unauthenticated, 200),
            (customer(2), 404),
            (person(&customer_of(1), "cook"), 403),
            (Principal::Service, 403),
        ] {
            let (answered, document) = world.get(&principal, "/messages/1").await;
            assert_eq!(answered, status, "{principal:?}");
            assert!(answered != 200 || document == expected, "{document}");
        }
    });
}

#[test]
fn a_manager_writes_a_message_about_a_room_that_customers_do_not_see() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        reserve(&world).await;
        let body = json!({ "content": "The lift is out of order.", "storageId": "2" });
        let (status, headers, written) = world.post(&manager(), &body).await;
        assert_eq!((status, &written["storageId"], &written["reservationId"]), (201, &json!(2), &Value::Null));
        let path = headers["location"].to_str().unwrap();
        assert_eq!(world.get(&manager(), path).await, (200, written));
        assert_eq!(world.get(&customer(1), path).await.0, 404);
        assert_eq!(world.listed(&manager(), "/messages?storageId=2&size=1").await[0], "The lift is out of order.");
        assert_eq!(world.post(&Principal::Unauthenticated, &body).await.0, 201, "the same again is another message");
        for (principal, status) in [(customer(1), 403), (Principal::Service, 403)] {
            assert_eq!(world.post(&principal, &body).await.0, status);
        }
    });
}

#[test]
fn a_message_without_a_text_or_a_room_is_refused_with_the_field() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (body, field) in [
            (json!({ "storageId": 3 }), "#/content"),
            (json!({ "storageId": 3, "content": " \n" }), "#/content"),
            (json!({ "storageId": 3, "content": "x".repeat(1001) }), "#/content"),
            (json!({ "content": "x" }), "#/storageId"),
            (json!({ "content": "x", "storageId": 0 }), "#/storageId"),
        ] {
            let (status, _, problem) = world.post(&manager(), &body).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(field)), "{body}");
        }
        assert!(world.listed(&manager(), "/messages").await.is_empty());
    });
}
