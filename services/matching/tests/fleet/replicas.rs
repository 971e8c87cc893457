//! Adding a replica of visit splits the work; nothing is handled twice, nothing is skipped.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use matching_tests::{LATER, Load, People, SOON, established, request_all};
use testkit::{Fleet, each, eventually};

/// Partitions of the topics that visit listens to: two of them, with six each.
const PARTITIONS: usize = 12;

/// As short as Kafka allows.
const SESSION: &str = "6s";

/// Waits until each of these replicas has work, and all of them together have all.
async fn share(fleet: &Fleet, replicas: &[String]) -> Result<()> {
    eventually(LATER, "the replicas share the work", async || {
        let mut shares = Vec::new();
        for replica in replicas {
            let consumer = fleet.status(replica).await?.consumer;
            shares.push(consumer.map_or(0, |consumer| consumer.partitions));
        }
        ensure!(shares.iter().sum::<usize>() == PARTITIONS && shares.iter().all(|share| *share > 0), "{shares:?}");
        Ok(())
    })
    .await
}

async fn replicas(fleet: &mut Fleet, count: usize) -> Result<Vec<String>> {
    let mut names = vec!["visit".to_owned()];
    while names.len() < count {
        names.push(fleet.replicate("visit").await?);
    }
    share(fleet, &names).await?;
    Ok(names)
}

/// How many events these replicas have applied.
async fn applied(fleet: &Fleet, replicas: &[String]) -> Result<f64> {
    let mut sum = 0.0;
    for replica in replicas {
        sum += fleet.metric(replica, "consumer_events_total", &[("outcome", "applied")]).await?;
    }
    Ok(sum)
}

/// How many of the events that were published concern visit.
async fn published(fleet: &Fleet) -> Result<f64> {
    let topics = fleet.topics();
    let mut events = topics.events("match").await?;
    events.extend(topics.events("payment").await?);
    let ours = events.iter().filter(|event| event.kind != "MatchRequested").count();
    Ok(f64::from(u32::try_from(ours)?))
}

pub async fn two_and_then_five_replicas_share_the_work_and_apply_each_event_once(fleet: &mut Fleet) -> Result<()> {
    fleet.set("visit", "CONSUMER_SESSION", SESSION)?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let mut names = replicas(fleet, 2).await?;
    let mut expected: BTreeSet<i64> = (1..=2000).filter(|id| id % 4 != 1).collect();
    for (round, count) in [2, 5].into_iter().enumerate() {
        while names.len() < count {
            // Requests arrive while the work is given to others.
            let from = 100_000 + 1000 * i64::try_from(names.len())?;
            let load = Load::begin(&people, 8, from..=from + 299);
            names.push(fleet.replicate("visit").await?);
            expected.extend(established(&load.all().await?)?);
        }
        share(fleet, &names).await?;
        let from = 1 + 1000 * i64::try_from(round)?;
        request_all(&people, 16, from..=from + 999).await?;
        for answer in each((from..from + 1000).step_by(4), 16, async |id| people.cancel(id).await).await {
            answer?.must_be(200)?;
        }
        fleet.settled(LATER).await?;
        let (applied, published) = (applied(fleet, &names).await?, published(fleet).await?);
        ensure!((applied - published).abs() < f64::EPSILON, "{applied} applied, {published} published");
    }
    let listed: BTreeSet<i64> = people.listed().await?.into_keys().collect();
    ensure!(listed == expected, "{} are listed and not {}", listed.len(), expected.len());
    Ok(())
}

pub async fn a_replica_of_five_that_is_killed_in_the_middle_of_a_batch_changes_nothing(
    fleet: &mut Fleet,
) -> Result<()> {
    const ASSIGNED: i64 = 300;
    fleet.set("visit", "CONSUMER_SESSION", SESSION)?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    request_all(&people, 16, 1..=ASSIGNED).await?;
    eventually(SOON, "all are listed", async || {
        ensure!(people.listed().await?.len() == usize::try_from(ASSIGNED)?, "not yet");
        Ok(())
    })
    .await?;
    for answer in each(1..=ASSIGNED, 16, async |id| people.assign(id).await).await {
        answer?.must_be(201)?;
    }
    let mut names = replicas(fleet, 5).await?;
    let before = fleet.metric(&names[2], "consumer_events_total", &[("outcome", "applied")]).await?;
    let load = Load::begin(&people, 16, 10_001..=13_000);
    let cancellations = each(1..=ASSIGNED, 4, async |id| people.cancel(id).await);
    let killed = async {
        eventually(SOON, "the replica has work", async || {
            let now = fleet.metric(&names[2], "consumer_events_total", &[("outcome", "applied")]).await?;
            ensure!(now > before + 10.0, "{now}");
            Ok(())
        })
        .await?;
        fleet.kill(&names[2]).await
    };
    let (cancellations, killed) = tokio::join!(cancellations, killed);
    killed?;
    for answer in cancellations {
        answer?.must_be(200)?;
    }
    let expected = established(&load.all().await?)?;
    names.remove(2);
    share(fleet, &names).await?;
    fleet.settled(LATER).await?;
    let listed: Vec<i64> = people.listed().await?.into_keys().collect();
    ensure!(listed == expected, "{} are listed and not {}", listed.len(), expected.len());
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for event in fleet.topics().events("visit").await?.iter().filter(|event| event.kind == "VisitCanceled") {
        *said.entry(event.subject.clone()).or_default() += 1;
    }
    ensure!(said.len() == usize::try_from(ASSIGNED)?, "{} visits are said to be cancelled", said.len());
    let twice: Vec<_> = said.iter().filter(|(_, times)| **times != 1).collect();
    ensure!(twice.is_empty(), "said more than once: {twice:?}");
    Ok(())
}
