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

/// Reads a live stream until all these steps have been told: each once, in whatever order they become known.
async fn each_once(live: &mut Live, steps: &[&str]) -> Result<Vec<Message>> {
    let mut told: Vec<Message> = Vec::new();
    while told.len() < steps.len() {
        let message = next(live).await?;
        let again = told.iter().any(|known| known.event == message.event || known.id == message.id);
        ensure!(!again && steps.contains(&&*message.event), "{message:?} after {told:?}");
        told.push(message);
    }
    Ok(told)
}

pub async fn a_live_stream_shows_each_step_and_resumes_after_the_last_one_seen(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (api, people) = (fleet.gateway()?, People::of(fleet)?);
    api.get("/myPages/5000/events").await?.must_be_problem(404, "5000")?;
    people.request(5000).await?.must_be(201)?;
    // At once: it waits for its page. What has happened comes first.
    let mut live = api.follow("/myPages/5000/events", None).await?;
    let mut told = each_once(&mut live, &STEPS[..2]).await?;
    let data: Value = serde_json::from_str(&told[1].data)?;
    assert!(data["id"] == 5000 && data["status"] == told[1].event && data["at"].is_string(), "{data}");
    assert_eq!(data["pageStatus"], STEPS[1]);
    // Then everything as it happens.
    eventually(SOON, "a tutor takes it", async || people.assign(5000).await?.must_be(201)).await?;
    told.extend(each_once(&mut live, &STEPS[2..3]).await?);
    people.cancel(5000).await?.must_be(200)?;
    told.extend(each_once(&mut live, &STEPS[3..]).await?);
    // Whoever comes back gets what was missed in the same order, and nothing twice.
    for seen in 0..=told.len() {
        let last = seen.checked_sub(1).map(|last| told[last].id.as_str());
        let mut live = api.follow("/myPages/5000/events", last).await?;
        for missed in &told[seen..] {
            let message = next(&mut live).await?;
            assert_eq!((&message.id, &message.event), (&missed.id, &missed.event));
        }
    }
    let wrong = api.request(reqwest::Method::GET, "/myPages/5000/events").header("last-event-id", "nonsense");
    api.send(wrong).await?.must_be_problem(400, "Last-Event-ID")?;
    Ok(())
}

/// From the request to the cancelled visit, as one student sees it who follows his page all the time.
async fn followed(people: &People, id: i64) -> Result<()> {
    people.request(id).await?.must_be(201)?;
    let waited = people.api.request(reqwest::Method::GET, &format!("/myPages/{id}")).header("prefer", "wait=5");
    let page = people.api.send(waited).await?.must_be(200)?;
    ensure!(page.header("preference-applied") == Some("wait=5"), "the wait was not applied");
    let mut live = people.api.follow(&format!("/myPages/{id}/events"), None).await?;
    eventually(SOON, "a tutor takes it", async || people.assign(id).await?.must_be(201)).await?;
    each_once(&mut live, &STEPS[..3]).await?;
    people.cancel(id).await?.must_be(200)?;
    let told = each_once(&mut live, &STEPS[3..]).await?;
    let data: Value = serde_json::from_str(&told[2].data)?;
    ensure!(data["pageStatus"] == "visitCanceled", "{data}");
    Ok(())
}

pub async fn many_matches_are_followed_from_the_request_to_the_end_and_no_stream_skips_a_step(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    futures_util::future::try_join_all((1..=60).map(|id| followed(&people, id))).await?;
    Ok(())
}
