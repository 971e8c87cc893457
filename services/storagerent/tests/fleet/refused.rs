//! Requests that are rejected: by the rules of a room, by payment, and by their form.

use anyhow::Result;
use serde_json::json;
use storagerent_tests::{PRICE, People};
use testkit::{Fleet, Simulator};

pub async fn what_cannot_be_reserved_is_rejected_and_nothing_is_paid(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for room in 1..=3 {
        people.register(room).await?.must_be(201)?;
    }
    people.api.post("/storages", &json!({ "storageId": 4, "desc": "Without a price" })).await?.must_be(201)?;
    people.reserve(1, 1).await?.must_be(201)?;
    people.reserve(2, 1).await?.must_be_problem(409, "")?;
    people.reserve(3, 99).await?.must_be_problem(404, "99")?;
    let without_price = json!({ "reservationId": 4, "storageId": 4 });
    people.api.post("/reservations", &without_price).await?.must_be_problem(409, "price")?;
    let other_price = json!({ "reservationId": 5, "storageId": 2, "price": PRICE + 1 });
    let problem = people.api.post("/reservations", &other_price).await?.must_be_problem(409, &PRICE.to_string())?;
    assert!(problem.body["detail"].to_string().contains(&(PRICE + 1).to_string()), "{}", problem.body);
    people.reserve(1, 2).await?.must_be_problem(409, "")?;
    provider.becomes(fleet, &json!({ "declineRate": 1.0 })).await?;
    people.reserve(6, 3).await?.must_be_problem(402, "")?;
    provider.approves_at_once(fleet).await?;
    assert_eq!(people.all("/payments").await?.len(), 1, "only the first is paid");
    people.room_becomes(3, "available").await?;
    people.reserve(6, 3).await?.must_be(201)?;
    people.assert_laws(fleet).await
}

pub async fn what_cannot_be_a_room_or_a_review_is_rejected_and_the_field_is_named(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.register(1).await?.must_be(201)?;
    people.register(1).await?.must_be(200)?;
    for (path, body, status, field) in [
        ("/storages", json!({ "storageId": 1, "description": "Another" }), 409, ""),
        ("/storages", json!({}), 422, "description"),
        ("/storages", json!({ "description": "" }), 422, "description"),
        ("/storages", json!({ "description": "x".repeat(256) }), 422, "description"),
        ("/storages", json!({ "description": "Room", "price": 0 }), 422, "price"),
        ("/storages", json!({ "description": "Room", "price": 1.5 }), 422, "price"),
        ("/storages", json!({ "description": "Room", "storageStatus": "reserved" }), 422, "storageStatus"),
        ("/reservations", json!({}), 422, "storageId"),
        ("/reservations", json!({ "storageId": 0 }), 422, "storageId"),
        ("/reservations", json!({ "storageId": 1, "reservationStatus": "cancelled" }), 422, "reservationStatus"),
        ("/reviews", json!({ "storageId": 1 }), 422, "content"),
        ("/reviews", json!({ "storageId": 1, "content": "Never there" }), 409, ""),
        ("/messages", json!({ "storageId": 1 }), 422, "content"),
    ] {
        people.api.post(path, &body).await?.must_be_problem(status, field)?;
    }
    people.api.get("/check/chkAndReqReserve").await?.must_be_problem(422, "storageId")?;
    people.api.get("/check/chkAndReqReserve?storageId=7").await?.must_be_problem(404, "7")?;
    for path in ["/holds", "/releases", "/approvals", "/cancellations"] {
        people.api.post(path, &json!({})).await?.must_be_problem(404, "")?;
    }
    people.reserve(5, 1).await?.must_be(201)?;
    let delete = people.api.request("DELETE".parse()?, "/storages/1");
    people.api.send(delete).await?.must_be_problem(409, "")?;
    let other = json!({ "reservationStatus": "reqCancel", "price": PRICE + 1 });
    people.api.with("PATCH".parse()?, "/reservations/5", &other).await?.must_be_problem(422, "price")?;
    let unknown = json!({ "reservationStatus": "reqCancel", "room": 1 });
    people.api.with("PATCH".parse()?, "/reservations/5", &unknown).await?.must_be_problem(422, "room")?;
    let same = json!({ "reservationStatus": "reqCancel", "storageId": "1", "price": PRICE });
    people.api.with("PUT".parse()?, "/reservations/5", &same).await?.must_be(200)?;
    people.cancel(5).await?.must_be(200)?;
    people.room_becomes(1, "available").await?;
    let delete = people.api.request("DELETE".parse()?, "/storages/1");
    people.api.send(delete).await?.must_be(204)?;
    people.api.get("/storages/1").await?.must_be(404)?;
    people.reserve(6, 1).await?.must_be_problem(404, "")?;
    people.assert_laws(fleet).await
}
