//! The story of one match, as those see it who take part in it.

use anyhow::{Result, ensure};
use matching_tests::{DATE, People, SOON, TEACHER};
use serde_json::Value;
use testkit::{Fleet, Live, Message, eventually};

const STEPS: [&str; 6] =
    ["matchRequested", "paymentApproved", "visitAssigned", "matchCanceled", "paymentCanceled", "visitCanceled"];

async fn page_shows(people: &People, id: i64, steps: &[&str]) -> Result<Value> {
    eventually(SOON, "the page shows each step", async || {
        let page = people.find("/myPages", id).await?.unwrap_or_default();
        let missing: Vec<_> = steps.iter().filter(|step| !page["steps"][**step].is_string()).collect();
        ensure!(missing.is_empty(), "without {missing:?}: {page}");
        Ok(page)
    })
    .await
}

pub async fn a_match_goes_from_the_request_to_the_cancelled_visit_and_everybody_sees_each_step(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.request(5000).await?.must_be(201)?;
    let page = page_shows(&people, 5000, &STEPS[..2]).await?;
    assert_eq!(page["status"], "paymentApproved");
    assert_eq!((&page["price"], &page["teacher"]), (&Value::from(50_000), &Value::Null));
    eventually(SOON, "the request is listed", async || {
        ensure!(people.listed().await?.contains_key(&5000), "it is not");
        Ok(())
    })
    .await?;
    people.assign(5000).await?.must_be(201)?;
    let page = page_shows(&people, 5000, &STEPS[..3]).await?;
    assert_eq!(page["status"], "visitAssigned");
    assert_eq!((&page["teacher"], &page["visitDate"]), (&Value::from(TEACHER), &Value::from(DATE)));
    people.cancel(5000).await?.must_be(200)?;
    let page = page_shows(&people, 5000, &STEPS).await?;
    assert_eq!(page["status"], "visitCanceled");
    eventually(SOON, "everybody knows", async || {
        let (own, payment) = (people.match_status(5000).await?, people.payment_action(5000).await?);
        let visit = people.visit_status(5000).await?;
        ensure!(
            [&*own, &*payment, &*visit] == ["visitCanceled", "Canceled", "visitCanceled"],
            "{own} {payment} {visit}"
        );
        Ok(())
    })
    .await?;
    ensure!(people.listed().await?.is_empty(), "it is listed again");
    Ok(())
}

async fn next(live: &mut Live) -> Result<Message> {
    live.next(SOON).await?.ok_or_else(|| anyhow::anyhow!("the stream has ended"))
}

fn place(message: &Message) -> usize {
    STEPS.iter().position(|step| *step == message.event).unwrap()
}

pub async fn a_live_stream_shows_each_step_and_resumes_after_the_last_one_seen(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    api.get("/myPages/5000/events").await?.must_be_problem(404, "5000")?;
    people.request(5000).await?.must_be(201)?;
    page_shows(&people, 5000, &STEPS[..2]).await?;
    let mut live = api.follow("/myPages/5000/events", None).await?;
    // What has happened comes first.
    let (requested, approved) = (next(&mut live).await?, next(&mut live).await?);
    assert_eq!([&*requested.event, &*approved.event], [STEPS[0], STEPS[1]]);
    let data: Value = serde_json::from_str(&approved.data)?;
    assert!(data["id"] == 5000 && data["status"] == STEPS[1] && data["at"].is_string(), "{data}");
    // Then everything as it happens.
    eventually(SOON, "a tutor takes it", async || people.assign(5000).await?.must_be(201)).await?;
    let assigned = next(&mut live).await?;
    assert_eq!(assigned.event, STEPS[2]);
    people.cancel(5000).await?.must_be(200)?;
    let mut seen = place(&assigned);
    while seen < 5 {
        let message = next(&mut live).await?;
        assert!(place(&message) > seen, "{message:?} after {}", STEPS[seen]);
        seen = place(&message);
    }
    // Whoever comes back gets what was missed, and nothing twice.
    page_shows(&people, 5000, &STEPS).await?;
    for (last, from) in [(None, 0), (Some(&requested), 1), (Some(&approved), 2), (Some(&assigned), 3)] {
        let mut live = api.follow("/myPages/5000/events", last.map(|message| message.id.as_str())).await?;
        for step in &STEPS[from..] {
            assert_eq!(next(&mut live).await?.event, *step);
        }
    }
    let wrong = api.request(reqwest::Method::GET, "/myPages/5000/events").header("last-event-id", "nonsense");
    api.send(wrong).await?.must_be_problem(400, "Last-Event-ID")?;
    Ok(())
}
