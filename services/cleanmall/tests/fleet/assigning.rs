//! One call per cleaner and one cleaner per call, oldest first, whatever dies or is cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use cleanmall_tests::{LATER, People, SOON};
use events::Envelope;
use testkit::{Fleet, each, eventually};

pub async fn a_call_that_is_cancelled_before_it_reaches_cleanassign_is_never_assigned(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("cleanassign").await?;
    people.call(1, Some("seoul")).await?.must_be(201)?;
    people.cancel(1).await?.must_be(204)?;
    people.shows("/cleanmanages/1", &[("status", "canceled")]).await?;
    people.call(2, Some("seoul")).await?.must_be(201)?;
    fleet.start("cleanassign").await?;
    people.becomes(2, "confirmed").await?;
    people.assert_laws(fleet).await?;
    let events = fleet.topics().events("cleanassign").await?;
    ensure!(events.iter().all(|event| event.subject == "2"), "{events:?}");
    Ok(())
}

pub async fn calls_that_are_cancelled_at_the_instant_of_their_assignment_leave_all_cleaners_free(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let answers = each(1..=60, 6, async |call| {
        people.call(call, None).await?.must_be(201)?;
        people.cancel(call).await?.must_be(204)
    })
    .await;
    for answer in answers {
        answer?;
    }
    people.assert_laws(fleet).await?;
    let cleaners = people.all("/cleaners").await?;
    ensure!(cleaners.iter().all(|cleaner| cleaner["status"] == "free"), "{cleaners:?}");
    let managed = people.all("/cleanmanages").await?;
    ensure!(managed.len() == 60 && managed.iter().all(|call| call["status"] == "canceled"), "{managed:?}");
    Ok(())
}

/// The replicas of cleanassign are killed in turn while an operator finishes whatever is assigned.
pub async fn a_hundred_calls_and_three_cleaners_with_replicas_that_are_killed_are_served_in_order(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let replica = fleet.replicate("cleanassign").await?;
    // All cleaners are busy before the others call: the order of those that wait does not depend on which of them arrive first.
    for call in 1..=3 {
        people.call(call, None).await?.must_be(201)?;
        people.becomes(call, "confirmed").await?;
    }
    for call in 4..=100 {
        people.call(call, None).await?.must_be(201)?;
    }
    all_arrive(&people, 100).await?;
    let mut open: Vec<i64> = (1..=100).collect();
    let mut round = 0;
    while !open.is_empty() {
        round += 1;
        let victim = if round % 2 == 0 { "cleanassign" } else { replica.as_str() };
        if round % 5 == 1 {
            // Some of these requests are under way when it dies: they are repeated below.
            let under_way = each(open.iter().copied().take(6), 6, async |call| people.finish(call).await.is_ok());
            let (_, killed) = tokio::join!(under_way, fleet.kill(victim));
            killed?;
            fleet.start(victim).await?;
        }
        finish_some(&people, &mut open, LATER).await?;
    }
    people.assert_laws(fleet).await?;
    served_in_order(fleet).await
}

/// The assignments are in the order of the acceptances, and a cleaner has one call after the other.
async fn served_in_order(fleet: &Fleet) -> Result<()> {
    let (topics, mut accepted) = (fleet.topics(), BTreeMap::new());
    for event in topics.events("cleanmanage").await? {
        accepted.insert(event.subject.clone(), event.time);
    }
    let mut events = assignment_events(fleet).await?;
    events.sort_by_key(|event| (event.time, event.kind == "CleanerAssigned"));
    let mut current: BTreeMap<String, String> = BTreeMap::new();
    let mut latest = None;
    for event in events {
        let data: serde_json::Value = serde_json::from_str(&event.data)?;
        let cleaner = data["cleanerId"].to_string();
        if event.kind != "CleanerAssigned" {
            current.remove(&cleaner);
            continue;
        }
        let other = current.insert(cleaner.clone(), event.subject.clone());
        ensure!(other.is_none(), "cleaner {cleaner} has {other:?} and {}", event.subject);
        let since = accepted.get(&event.subject).copied().context("an acceptance")?;
        ensure!(latest.is_none_or(|latest| latest <= since), "{} was overtaken", event.subject);
        latest = Some(since);
    }
    Ok(())
}

/// Waits until so many calls have arrived at cleanassign.
pub async fn all_arrive(people: &People, count: usize) -> Result<()> {
    eventually(LATER, "all calls have arrived", async || {
        let arrived = people.all("/cleanassigns").await?.len();
        ensure!(arrived == count, "{arrived}");
        Ok(())
    })
    .await
}

/// The events of cleanassign. A relay that dies after it has published an event leaves it to another one, which publishes it again.
async fn assignment_events(fleet: &Fleet) -> Result<Vec<Envelope>> {
    let (mut events, mut seen) = (fleet.topics().events("cleanassign").await?, BTreeSet::new());
    events.retain(|event| seen.insert(event.id.clone()));
    Ok(events)
}

/// The calls in the order in which cleaners were assigned to them.
pub async fn order_of_assignments(fleet: &Fleet) -> Result<Vec<i64>> {
    let mut events = assignment_events(fleet).await?;
    events.retain(|event| event.kind == "CleanerAssigned");
    events.sort_by_key(|event| event.time);
    events.iter().map(|event| Ok(event.subject.parse()?)).collect()
}

/// Finishes these calls, whichever of them is assigned, until all are done.
pub async fn finish_all(people: &People, calls: std::ops::RangeInclusive<i64>) -> Result<()> {
    let mut open: Vec<i64> = calls.collect();
    while !open.is_empty() {
        finish_some(people, &mut open, SOON).await?;
    }
    Ok(())
}

/// Waits until at least one of the open calls can be finished, and removes what is done from them.
async fn finish_some(people: &People, open: &mut Vec<i64>, limit: Duration) -> Result<()> {
    let oldest: Vec<i64> = open.iter().copied().take(20).collect();
    let done = eventually(limit, "a call is finished", async || {
        let answers = each(oldest.clone(), 6, async |call| {
            let done = people.finish(call).await.is_ok_and(|answer| answer.status == 200);
            done.then_some(call)
        })
        .await;
        let done: Vec<i64> = answers.into_iter().flatten().collect();
        ensure!(!done.is_empty(), "none of {oldest:?}");
        Ok(done)
    })
    .await?;
    open.retain(|call| !done.contains(call));
    Ok(())
}
