//! The story of two calls.

use anyhow::{Result, ensure};
use cleanmall_tests::{People, SOON, TEL};
use serde_json::json;
use testkit::{Fleet, eventually};

/// Waits until the customer has exactly these messages. The first one is that the call is taken.
pub async fn has_messages(people: &People, call: i64, expected: &[&str]) -> Result<()> {
    eventually(SOON, &format!("the customer has the messages about call {call}"), async || {
        let mut found = people.messages(call).await?;
        ensure!(found.first().is_none_or(|first| first == "called"), "{found:?}");
        found.sort();
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        ensure!(found == expected, "{found:?}");
        Ok(())
    })
    .await
}

pub async fn a_call_is_taken_assigned_finished_and_another_one_cancelled(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let body = json!({ "id": 1, "tel": TEL, "location": "seoul", "cost": "200000" });
    let taken = people.api.post("/cleancalls", &body).await?.must_be(201)?;
    assert_eq!(taken.header("location"), Some("/cleancalls/1"));
    assert_eq!((&taken.body["status"], &taken.body["statusLabel"]), (&json!("calling"), &json!("호출중")));
    assert_eq!((&taken.body["tel"], &taken.body["cost"]), (&json!(TEL), &json!(200_000)));
    people.call(1, Some("seoul")).await?.must_be(200)?;
    people.call(1, Some("busan")).await?.must_be(409)?;
    people.becomes(1, "confirmed").await?;
    let confirmed = people.api.get("/cleancalls/1").await?.body;
    assert_eq!((&confirmed["cleaner"], &confirmed["statusLabel"]), (&json!("Kim"), &json!("호출확정")));
    people.shows("/cleanmanages/1", &[("status", "confirmed")]).await?;
    people.shows("/cleaners/1", &[("status", "busy")]).await?;
    people.shows("/cleanassigns/1", &[("status", "assigned")]).await?;
    has_messages(&people, 1, &["called", "managed", "assigned"]).await?;

    people.finish(1).await?.must_be(200)?;
    people.finish(1).await?.must_be(200)?;
    people.becomes(1, "finished").await?;
    people.shows("/cleanmanages/1", &[("status", "finished")]).await?;
    people.shows("/cleaners/1", &[("status", "free")]).await?;
    people.cancel(1).await?.must_be_problem(409, "done")?;
    has_messages(&people, 1, &["called", "managed", "assigned", "finished"]).await?;

    people.call(2, None).await?.must_be(201)?;
    people.becomes(2, "confirmed").await?;
    people.cancel(2).await?.must_be(204)?;
    people.cancel(2).await?.must_be(204)?;
    people.api.get("/cleancalls/2").await?.must_be(404)?;
    people.shows("/cleanmanages/2", &[("status", "canceled")]).await?;
    let managed = people.api.get("/cleanmanages/2").await?.body;
    assert_eq!((&managed["statusLabel"], &managed["tel"]), (&json!("호출취소"), &json!("**********353")));
    people.shows("/cleanassigns/2", &[("status", "canceled")]).await?;
    has_messages(&people, 2, &["called", "managed", "assigned", "cancelled", "assignmentCancelled"]).await?;
    eventually(SOON, "all cleaners are free", async || {
        let cleaners = people.all("/cleaners").await?;
        ensure!(cleaners.len() == 3 && cleaners.iter().all(|cleaner| cleaner["status"] == "free"), "{cleaners:?}");
        Ok(())
    })
    .await?;
    let mut stream = people.api.follow("/messages/events?callId=1", None).await?;
    for _ in 0..4 {
        ensure!(stream.next(SOON).await?.is_some(), "the stream has ended");
    }
    people.assert_laws(fleet).await
}
