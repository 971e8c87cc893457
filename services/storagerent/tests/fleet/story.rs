//! The story of one room.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use storagerent_tests::{PRICE, People, SOON};
use testkit::{Fleet, eventually};

async fn page_shows(people: &People, room: i64, expected: &[(&str, Value)]) -> Result<()> {
    eventually(SOON, "the page shows it", async || {
        let page = people.api.get(&format!("/storageviews/{room}")).await?.must_be(200)?.body;
        let differ: Vec<_> = expected.iter().filter(|(field, value)| page[*field] != *value).collect();
        ensure!(differ.is_empty(), "without {differ:?}: {page}");
        Ok(())
    })
    .await
}

pub async fn a_room_is_registered_reserved_reviewed_cancelled_and_reserved_by_another_customer(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.register(1).await?.must_be(201)?;
    page_shows(&people, 1, &[("storageStatus", json!("available")), ("price", json!(PRICE))]).await?;
    people.api.get("/check/chkAndReqReserve?storageId=1").await?.must_be(200)?;

    let reserved = people.reserve(5, 1).await?.must_be(201)?;
    assert_eq!((&reserved.body["storageId"], &reserved.body["price"]), (&json!(1), &json!(PRICE)));
    people.reserve(5, 1).await?.must_be(200)?;
    people.becomes(5, "reserved").await?;
    people.room_becomes(1, "reserved").await?;
    let statuses = [("storageStatus", json!("reserved")), ("reservationStatus", json!("reserved"))];
    page_shows(&people, 1, &statuses).await?;
    page_shows(&people, 1, &[("reservationId", json!(5)), ("paymentStatus", json!("approved"))]).await?;
    assert_eq!(people.api.get("/check/chkAndReqReserve?storageId=1").await?.body, json!(false));

    people.review(5, 1).await?.must_be(201)?;
    people.review(5, 1).await?.must_be(409)?;
    page_shows(&people, 1, &[("reviewCnt", json!(1))]).await?;

    people.cancel(5).await?.must_be(200)?;
    people.cancel(5).await?.must_be(200)?;
    people.becomes(5, "cancelled").await?;
    people.room_becomes(1, "available").await?;
    page_shows(&people, 1, &[("storageStatus", json!("available")), ("paymentStatus", json!("cancelled"))]).await?;
    eventually(SOON, "both messages are there, newest first", async || {
        let messages = people.api.get("/messages?storageId=1").await?.must_be(200)?.body;
        let messages = messages["_embedded"]["messages"].as_array().map_or(0, Vec::len);
        ensure!(messages == 2, "{messages} messages");
        Ok(())
    })
    .await?;

    people.reserve(6, 1).await?.must_be(201)?;
    people.becomes(6, "reserved").await?;
    page_shows(&people, 1, &[("reservationId", json!(6)), ("storageStatus", json!("reserved"))]).await?;
    people.assert_laws(fleet).await
}
