//! Processes that die at the worst moment.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use matching_proof::FLEET;
use matching_tests::{LATER, Load, Outcome, Outcomes, People, SOON, is_sound, request_all};
use testkit::{Fleet, each, eventually};

pub async fn the_broker_dies_and_comes_back_while_requests_arrive(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let load = Load::begin(&People::of(fleet)?, 16, 1..=i64::MAX);
    load.goes_on(200).await?;
    for _ in 0..2 {
        fleet.kill_broker().await?;
        load.goes_on(400).await?;
        fleet.start_broker().await?;
        load.goes_on(200).await?;
    }
    let told = load.end().await?;
    let refused: Vec<_> = told.iter().filter(|(_, outcome)| **outcome != Outcome::Established).collect();
    ensure!(refused.is_empty(), "not established: {refused:?}");
    is_sound(fleet, LATER, &told).await
}

pub async fn the_whole_fleet_dies_at_once_starts_again_and_settles(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let mut told = Outcomes::new();
    for round in 0..3 {
        let load = Load::begin(&People::of(fleet)?, 24, 1 + round * 1_000_000..=i64::MAX);
        load.goes_on(500).await?;
        fleet.kill_all().await?;
        told.extend(load.end().await?);
        fleet.start_all().await?;
        is_sound(fleet, LATER, &told).await?;
        for context in fleet.contexts() {
            assert_eq!(fleet.status(&context).await?.outbox_depth, 0, "{context}");
        }
    }
    let unknown = told.values().filter(|outcome| **outcome == Outcome::Unknown).count();
    ensure!(unknown > 0, "nobody was asking when it died: the test shows nothing");
    Ok(())
}

pub async fn answers_of_the_stores_get_lost_while_requests_arrive(fleet: &mut Fleet) -> Result<()> {
    let contexts = fleet.contexts();
    let mut wires = Vec::new();
    for context in &contexts {
        wires.push(fleet.wire(context).await?);
    }
    fleet.start_all().await?;
    let load = Load::begin(&People::of(fleet)?, 24, 1..=i64::MAX);
    load.goes_on(200).await?;
    for round in 0..40 {
        // Match in every other round: there it matters most.
        let at = if round % 2 == 0 { 0 } else { round / 2 % contexts.len() };
        match &wires[at] {
            Some(wire) => wire.lose_answers(),
            None => fleet.lock(&contexts[at]).await?,
        }
        load.goes_on(20).await?;
    }
    let told = load.end().await?;
    let established = told.values().filter(|outcome| **outcome == Outcome::Established).count();
    ensure!(established > told.len() / 2, "only {established} of {} were established", told.len());
    is_sound(fleet, LATER, &told).await
}

pub async fn consumers_that_die_before_they_commit_their_offsets_have_no_double_effect(
    fleet: &mut Fleet,
) -> Result<()> {
    const MATCHES: i64 = 200;
    const CANCELED: i64 = 50;
    let contexts = fleet.contexts();
    for context in &contexts {
        fleet.set(context, "CONSUMER_COMMIT_EVERY", "1h")?;
        fleet.set(context, "CONSUMER_SESSION", "6s")?;
    }
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    request_all(&people, 16, 1..=MATCHES).await?;
    eventually(SOON, "all are listed", async || {
        ensure!(people.listed().await?.len() == usize::try_from(MATCHES)?, "not yet");
        Ok(())
    })
    .await?;
    for answer in each(1..=CANCELED, 16, async |id| people.assign(id).await).await {
        answer?.must_be(201)?;
    }
    for answer in each(1..=CANCELED, 16, async |id| people.cancel(id).await).await {
        answer?.must_be(200)?;
    }
    let before = eventually(SOON, "everybody has heard everything", async || {
        let pages = people.all("/myPages", "myPages").await?;
        let matches = people.all("/matches", "matches").await?;
        for (id, status) in
            (1..=MATCHES).map(|id| (id, if id <= CANCELED { "visitCanceled" } else { "paymentApproved" }))
        {
            ensure!(pages.get(&id).is_some_and(|page| page["status"] == status), "{:?}", pages.get(&id));
            ensure!(id > CANCELED || matches[&id]["status"] == status, "{}", matches[&id]);
            let steps = pages[&id]["steps"].as_object().map_or(0, serde_json::Map::len);
            ensure!(steps == if id <= CANCELED { 6 } else { 2 }, "{}", pages[&id]);
        }
        Ok((pages, matches, said(fleet).await?))
    })
    .await?;
    for context in &contexts {
        fleet.kill(context).await?;
    }
    for context in &contexts {
        fleet.start(context).await?;
    }
    // Approvals and both kinds of cancellations; cancellations; payments and visits back; everything.
    for (context, repeated) in [("visit", 300.0), ("payment", 50.0), ("match", 150.0), ("mypage", 600.0)] {
        eventually(LATER, "everything is delivered again", async || {
            let count = async |outcome| fleet.metric(context, "consumer_events_total", &[("outcome", outcome)]).await;
            let found = (count("repeated").await?, count("applied").await?);
            ensure!(found == (repeated, 0.0), "{context}: {found:?}, not {repeated}");
            Ok(())
        })
        .await?;
    }
    let after =
        (people.all("/myPages", "myPages").await?, people.all("/matches", "matches").await?, said(fleet).await?);
    ensure!(before == after, "it is not what it was");
    ensure!(people.listed().await?.len() == usize::try_from(MATCHES - CANCELED)?, "the list is not what it was");
    Ok(())
}

/// All ids of events of all contexts.
async fn said(fleet: &Fleet) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for context in ["match", "payment", "visit"] {
        ids.extend(fleet.topics().events(context).await?.into_iter().map(|event| event.id));
    }
    Ok(ids)
}

pub async fn of_two_relays_one_publishes_at_a_time_and_its_death_changes_no_order(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let replicas = ["match".to_owned(), fleet.replicate("match").await?];
    let payments = ["payment".to_owned(), fleet.replicate("payment").await?];
    let people = replicas.iter().map(|name| Ok(People { api: fleet.api(name)? })).collect::<Result<Vec<_>>>()?;
    let mut told: BTreeMap<i64, (Outcome, Outcome)> = BTreeMap::new();
    for round in 0..6_i64 {
        let ids = 1000 * round..1000 * round + 400;
        let students = each(ids.skip(1), 16, async |id| {
            let people = &people[usize::from(id % 2 == 0)];
            let requested = Outcome::of(&people.request(id).await);
            (id, (requested, Outcome::of(&people.cancel(id).await)))
        });
        let killed = async {
            // Each of both in turn, as nobody tells which one leads; and the first of payment, on which all depends.
            let name = if round % 3 == 2 { &payments[0] } else { &replicas[usize::from(round % 2 == 0)] };
            let published = async || fleet.topics().records("match").await.map(|records| records.len());
            let begun = published().await?;
            eventually(SOON, "events are published", async || {
                let now = published().await?;
                ensure!(now > begun + 50, "{} more", now - begun);
                Ok(())
            })
            .await?;
            fleet.kill(name).await?;
            fleet.start(name).await
        };
        let (outcomes, killed) = tokio::join!(students, killed);
        killed?;
        told.extend(outcomes);
    }
    fleet.decided(&FLEET, LATER).await?;
    fleet.settled(LATER).await?;
    let order = first_appearances(fleet, "match").await?;
    for (id, outcomes) in &told {
        let kinds = order.get(&id.to_string()).map(Vec::as_slice).unwrap_or_default();
        let fits = match outcomes {
            (Outcome::Established, Outcome::Established) => kinds == ["MatchRequested", "MatchCanceled"],
            (Outcome::Established, _) => kinds.first().is_some_and(|kind| kind == "MatchRequested") && kinds.len() <= 2,
            _ => kinds.is_empty() || kinds[0] == "MatchRequested" && kinds.len() <= 2,
        };
        ensure!(fits, "match {id}: the student was told {outcomes:?}, the topic says {kinds:?}");
    }
    for (id, kinds) in first_appearances(fleet, "payment").await? {
        // An id that was asked for again after its first attempt was undone begins again.
        let fits = kinds
            .chunks(2)
            .all(|kinds| kinds == ["PaymentApproved", "PaymentCanceled"] || kinds == ["PaymentApproved"]);
        ensure!(fits, "payment {id}: {kinds:?}");
    }
    let whole = told.values().filter(|told| **told == (Outcome::Established, Outcome::Established)).count();
    ensure!(whole > told.len() / 2, "only {whole} of {} were requested and cancelled", told.len());
    Ok(())
}

/// The kinds of the events of each subject, in the order in which they appeared for the first time.
async fn first_appearances(fleet: &Fleet, context: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut seen = BTreeSet::new();
    let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in fleet.topics().events(context).await? {
        if seen.insert(event.id) {
            order.entry(event.subject).or_default().push(event.kind);
        }
    }
    Ok(order)
}
