//! Reviews over HTTP.

use std::time::Duration;

use chassis::Principal;
use serde_json::{Value, json};
use storage_contract::{ReviewWritten, StorageEvent};
use test_stores::on_each_store;

use crate::{OPEN, World, cancelled, confirmed, customer};

async fn review(world: &World, principal: &Principal, storage_id: i64, reservation_id: Option<i64>) -> u16 {
    let mut body = json!({ "storageId": storage_id, "content": "dry and clean" });
    if let Some(reservation_id) = reservation_id {
        body["reservationId"] = reservation_id.into();
    }
    world.post(principal, "/reviews", &body).await.0
}

#[test]
fn a_review_is_counted_published_and_listed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.reserve(1, 9, None).await;
        let body = json!({ "storageId": 1, "content": "dry and clean", "reservationId": 9 });
        let (status, written) = world.post(&OPEN, "/reviews", &body).await;
        let expected = json!({
            "id": 9, "reservationId": 9, "storageId": 1, "content": "dry and clean",
            "_links": { "self": { "href": "/reviews/9" } },
        });
        assert_eq!((status, &written), (201, &expected));
        assert_eq!(world.get(&OPEN, "/reviews/9").await, (200, expected));
        assert_eq!(world.get(&OPEN, "/storages/1").await.1["reviewCnt"], json!(1));
        let event = ReviewWritten { storage_id: 1, review_id: 9, reservation_id: 9, review_cnt: 1, customer: None };
        assert_eq!(world.staged(1).await.last(), Some(&StorageEvent::from(event)));
        assert_eq!(review(&world, &OPEN, 1, Some(9)).await, 409, "one per reservation");
        assert_eq!(world.get(&OPEN, "/storages/1").await.1["reviewCnt"], json!(1));
    });
}

#[test]
fn only_a_confirmed_reservation_is_reviewed_also_after_it_has_ended() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.register(2).await;
        assert_eq!(review(&world, &OPEN, 1, None).await, 409, "never reserved");
        assert_eq!(review(&world, &OPEN, 1, Some(9)).await, 409, "no such reservation");
        let hold = world.hold(1, 9, 1).await.unwrap();
        assert_eq!(review(&world, &OPEN, 1, Some(9)).await, 409, "not confirmed");
        world.take(vec![confirmed(&hold)]).await;
        assert_eq!(review(&world, &OPEN, 2, Some(9)).await, 409, "of another room");
        world.take(vec![cancelled(&hold)]).await;
        assert_eq!(review(&world, &OPEN, 1, Some(9)).await, 201);
        world.hold(1, 8, 1).await.unwrap();
        world.release(1, 8, 1).await.unwrap();
        assert_eq!(review(&world, &OPEN, 1, Some(8)).await, 409, "given back");
        assert_eq!(review(&world, &OPEN, 3, None).await, 404, "no such room");
    });
}

#[test]
fn a_customer_reviews_their_own_reservations_only() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        let number = world.reserve(1, 9, Some("ann")).await;
        let hold = world.known(9).await.unwrap();
        assert_eq!(hold.number, number);
        let (ann, tom) = (customer("ann"), customer("tom"));
        for (who, reservation_id, expected) in [
            (&tom, Some(9), 403),
            (&tom, None, 403),
            (&tom, Some(77), 403),
            (&ann, Some(77), 403),
            (&ann, Some(9), 201),
            (&ann, Some(9), 409),
            (&ann, None, 409),
            (&tom, Some(9), 403),
        ] {
            assert_eq!(review(&world, who, 1, reservation_id).await, expected, "{who:?} {reservation_id:?}");
        }
        let written = world.staged(1).await.into_iter().find_map(|event| match event {
            StorageEvent::ReviewWritten(event) => Some(event.customer),
            _ => None,
        });
        assert_eq!(written, Some(Some("ann".to_owned())));
        // A reservation of the time without authentication is nobody's.
        world.take(vec![cancelled(&hold)]).await;
        world.reserve(1, 10, None).await;
        assert_eq!(review(&world, &ann, 1, Some(10)).await, 403);
    });
}

#[test]
fn without_a_reservation_id_the_latest_one_without_a_review_is_reviewed() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        // The numbers of the holds are not in the order of the reservations.
        for (id, name) in [(30, "ann"), (10, "ann"), (20, "tom")] {
            world.reserve(1, id, Some(name)).await;
            let hold = world.known(id).await.unwrap();
            world.take(vec![cancelled(&hold)]).await;
        }
        let body = json!({ "storageId": 1, "content": "dry" });
        let mut written = vec![];
        for _ in 0..3 {
            let (status, review) = world.post(&customer("ann"), "/reviews", &body).await;
            written.push((status, review["reservationId"].as_i64()));
        }
        assert_eq!(written, [(201, Some(10)), (201, Some(30)), (409, None)]);
    });
}

#[test]
fn two_reviews_of_one_reservation_at_once_are_one() {
    on_each_store(async |place| {
        let worlds = [World::on(place).await, World::on(place).await];
        for id in 1..=20 {
            worlds[0].register(id).await;
            worlds[0].reserve(id, 100 + id, None).await;
            let (one, other) = tokio::join!(
                review(&worlds[0], &OPEN, id, Some(100 + id)),
                review(&worlds[1], &OPEN, id, Some(100 + id))
            );
            assert_eq!([one.min(other), one.max(other)], [201, 409]);
            assert_eq!(worlds[0].room(id).await.reviews, 1);
        }
    });
}

#[test]
fn reviews_of_a_room_are_listed_newest_first_page_by_page() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        for (storage_id, reservation_id) in [(1, 30), (2, 20), (3, 10), (1, 5), (1, 40), (1, 7)] {
            if world.get(&OPEN, &format!("/storages/{storage_id}")).await.0 == 404 {
                world.register(storage_id).await;
            }
            world.reserve(storage_id, reservation_id, None).await;
            assert_eq!(review(&world, &OPEN, storage_id, Some(reservation_id)).await, 201);
            let hold = world.known(reservation_id).await.unwrap();
            world.take(vec![cancelled(&hold)]).await;
            world.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(world.listed("/reviews?storageId=1", "reviews").await, [7, 40, 5, 30]);
        assert_eq!(world.listed("/reviews", "reviews").await, [7, 40, 5, 10, 20, 30]);
        assert_eq!(world.listed("/reviews?storageId=9", "reviews").await, [0; 0]);
    });
}

#[test]
fn an_invalid_review_names_the_field() {
    on_each_store(async |place| {
        let world = World::on(place).await;
        world.register(1).await;
        world.reserve(1, 9, None).await;
        let long = "é".repeat(1_001);
        for (field, body) in [
            ("storageId", json!({ "content": "dry" })),
            ("storageId", json!({ "storageId": 0, "content": "dry" })),
            ("content", json!({ "storageId": 1 })),
            ("content", json!({ "storageId": 1, "content": " \n" })),
            ("content", json!({ "storageId": 1, "content": long })),
            ("reservationId", json!({ "storageId": 1, "content": "dry", "reservationId": -1 })),
        ] {
            let (status, problem): (u16, Value) = world.post(&OPEN, "/reviews", &body).await;
            let pointer = format!("#/{field}");
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer.as_str())), "{body}");
        }
    });
}
