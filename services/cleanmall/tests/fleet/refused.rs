//! Requests that are rejected: by the management, and by their form.

use anyhow::Result;
use cleanmall_tests::{People, TEL};
use serde_json::json;
use testkit::Fleet;

pub async fn what_the_management_declines_is_not_taken(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let places = json!({ "served": ["seoul"], "limit": 2 });
    let put = people.api.with("PUT".parse()?, "/cleanmanages/places", &places).await?.must_be(200)?;
    assert_eq!(put.body, places);
    people.call(1, Some("busan")).await?.must_be_problem(409, "busan is not served")?;
    people.api.get("/cleancalls/1").await?.must_be(404)?;
    people.api.get("/cleanmanages/1").await?.must_be(404)?;
    people.call(1, Some("seoul")).await?.must_be(201)?;
    people.call(2, None).await?.must_be(201)?;
    people.call(3, Some("seoul")).await?.must_be_problem(409, "2 calls are open")?;
    people.cancel(2).await?.must_be(204)?;
    people.shows("/cleanmanages/2", &[("status", "canceled")]).await?;
    people.call(3, Some("seoul")).await?.must_be(201)?;
    people.api.with("PUT".parse()?, "/cleanmanages/places", &json!({})).await?.must_be(200)?;
    people.call(4, Some("busan")).await?.must_be(201)?;
    people.assert_laws(fleet).await
}

pub async fn what_cannot_be_a_call_or_a_cleaner_is_rejected_and_the_field_is_named(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for (path, body, status, field) in [
        ("/cleancalls", json!({}), 422, "tel"),
        ("/cleancalls", json!({ "tel": "123456" }), 422, "tel"),
        ("/cleancalls", json!({ "tel": "123456789012345678901" }), 422, "tel"),
        ("/cleancalls", json!({ "tel": "0101231234x" }), 422, "tel"),
        ("/cleancalls", json!({ "tel": 101_231_234 }), 422, "tel"),
        ("/cleancalls", json!({ "tel": TEL, "cost": 0 }), 422, "cost"),
        ("/cleancalls", json!({ "tel": TEL, "cost": 1.5 }), 422, "cost"),
        ("/cleancalls", json!({ "tel": TEL, "location": "x".repeat(101) }), 422, "location"),
        ("/cleancalls", json!({ "tel": TEL, "id": 0 }), 422, "id"),
        ("/cleaners", json!({}), 422, "name"),
        ("/cleaners", json!({ "name": " " }), 422, "name"),
        ("/cleaners", json!({ "id": 1, "name": "Another" }), 409, "in use"),
    ] {
        people.api.post(path, &body).await?.must_be_problem(status, field)?;
    }
    for (body, field) in [
        (json!({ "served": "seoul" }), "served"),
        (json!({ "served": [""] }), "served"),
        (json!({ "served": ["a", "a"] }), "served"),
        (json!({ "limit": 0 }), "limit"),
        (json!({ "place": "seoul" }), "place"),
    ] {
        people.api.with("PUT".parse()?, "/cleanmanages/places", &body).await?.must_be_problem(422, field)?;
    }
    people.api.post("/cleancalls", &json!({ "id": 5, "tel": TEL, "location": "seoul" })).await?.must_be(201)?;
    people.becomes(5, "confirmed").await?;
    let delete = |path: &'static str| people.api.request(reqwest::Method::DELETE, path);
    people.api.send(delete("/cleaners/1")).await?.must_be_problem(409, "5")?;
    people.api.send(delete("/cleaners/2")).await?.must_be(204)?;
    people.api.send(delete("/cleaners/2")).await?.must_be(404)?;
    people.finish(9).await?.must_be(404)?;
    let other = json!({ "status": "waiting" });
    people.api.with("PATCH".parse()?, "/cleanassigns/5", &other).await?.must_be_problem(422, "status")?;
    for path in ["/acceptances", "/withdrawals"] {
        people.api.post(path, &json!({})).await?.must_be_problem(404, "")?;
    }
    people.assert_laws(fleet).await
}
