//! No unpaid match, and nothing paid without a match, whoever dies or is late.

use std::time::Duration;

use anyhow::{Result, ensure};
use matching_proof::FLEET;
use matching_tests::{Outcome, Outcomes, People, SOON, is_sound};
use testkit::{Fleet, Simulator, each, eventually};
use tokio::time::{Instant, sleep};

/// What the match context promises for an outcome that nobody knows.
const SETTLED: Duration = Duration::from_secs(10);

/// Requests that are under way at the same time. Below the calls that the breaker needs before it judges.
const AT_ONCE: i64 = 16;

/// Starts requests and tells what came of them, when all have ended.
fn requests(people: &People, ids: std::ops::Range<i64>) -> tokio::task::JoinHandle<Outcomes> {
    let people = people.clone();
    tokio::spawn(async move {
        let ask = |id| {
            let people = people.clone();
            async move { (id, Outcome::of(&people.request(id).await)) }
        };
        each(ids, 64, ask).await.into_iter().collect()
    })
}

pub async fn the_match_service_dies_between_asking_for_the_payment_and_writing_down_the_answer(
    fleet: &mut Fleet,
) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.takes(fleet, 500).await?;
    let mut told = Outcomes::new();
    // While payment thinks; and when payment has approved some, of which the match service may have heard or not.
    for (round, first_approved) in [false, true, true].into_iter().enumerate() {
        let from = 1000 * (i64::try_from(round)? + 1);
        let asked = requests(&people, from..from + AT_ONCE);
        if first_approved {
            eventually(SOON, "the first payment is approved", async || {
                let payments = people.all("/payments", "payments").await?;
                ensure!(payments.range(from..).next().is_some(), "{} payments", payments.len());
                Ok(())
            })
            .await?;
        } else {
            undecided(fleet, AT_ONCE).await?;
        }
        fleet.kill("match").await?;
        let outcomes = asked.await?;
        if !first_approved {
            ensure!(outcomes.values().all(|outcome| *outcome != Outcome::Established), "too late: {outcomes:?}");
        }
        told.extend(outcomes);
        fleet.start("match").await?;
        let began = Instant::now();
        fleet.decided(&FLEET, SETTLED).await?;
        eprintln!("settled {:?} after the restart", began.elapsed());
        is_sound(fleet, SOON, &told).await?;
    }
    provider.approves_at_once(fleet).await?;
    // All ids are good for a match again.
    let mut again = requests(&people, 1000..1000 + AT_ONCE).await?;
    again.extend(requests(&people, 2000..2000 + AT_ONCE).await?);
    ensure!(again.values().all(|outcome| *outcome == Outcome::Established), "{again:?}");
    told.extend(again);
    is_sound(fleet, SOON, &told).await
}

/// Waits until so many requests have been written down and are not decided.
async fn undecided(fleet: &Fleet, expected: i64) -> Result<()> {
    eventually(SOON, "payment is asked", async || {
        let sql = "SELECT COUNT(*) FROM matches WHERE phase = 'pending'";
        let undecided = fleet.number("match", sql).await?;
        ensure!(undecided == expected, "{undecided} of {expected}");
        Ok(())
    })
    .await
}

pub async fn payment_approves_after_the_time_limit(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.takes(fleet, 4_000).await?;
    let answers = each(1..=AT_ONCE, 64, async |id| people.request(id).await).await;
    for answer in answers {
        let answer = answer?.must_be_problem(503, "paid back")?;
        ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
        ensure!(answer.took < Duration::from_secs(4), "it waited for {:?}", answer.took);
    }
    fleet.decided(&FLEET, SETTLED).await?;
    // What payment had begun is over: whether it finds itself cancelled or is cancelled then.
    sleep(Duration::from_secs(4)).await;
    let told: Outcomes = (1..=AT_ONCE).map(|id| (id, Outcome::Refused)).collect();
    is_sound(fleet, SOON, &told).await?;
    provider.approves_at_once(fleet).await?;
    for id in 1..=AT_ONCE {
        eventually(SOON, "the same id can be requested again", async || people.request(id).await?.must_be(201)).await?;
    }
    let told = told.into_keys().map(|id| (id, Outcome::Established)).collect();
    is_sound(fleet, SOON, &told).await
}

pub async fn what_is_undecided_is_counted_until_payment_answers_again(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let pending = async |expected: f64| {
        eventually(SOON, "the undecided are counted", async || {
            let pending = fleet.metric("match", "saga_attempts_in_recovery", &[]).await?;
            ensure!((pending - expected).abs() < f64::EPSILON, "{pending} and not {expected}");
            Ok(())
        })
        .await
    };
    people.request(1).await?.must_be(201)?;
    pending(0.0).await?;
    fleet.pause("payment")?;
    for id in 2..=4 {
        people.request(id).await?.must_be_problem(503, "")?;
    }
    pending(3.0).await?;
    fleet.resume("payment")?;
    pending(0.0).await
}

pub async fn a_tutor_assigns_at_the_moment_the_student_cancels(fleet: &mut Fleet) -> Result<()> {
    const PAIRS: i64 = 60;
    // Visit gathers for a while before it hears: so a tutor can be told yes after the student was.
    fleet.set("visit", "CONSUMER_LINGER", "300ms")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for answer in each(1..=PAIRS, 16, async |id| people.request(id).await).await {
        answer?.must_be(201)?;
    }
    listed(&people, PAIRS).await?;
    let pairs = each(1..=PAIRS, 16, async |id| {
        let (canceled, assigned) = match id % 3 {
            0 => tokio::join!(people.cancel(id), people.assign(id)),
            1 => {
                let canceled = people.cancel(id).await;
                (canceled, people.assign(id).await)
            }
            _ => {
                let assigned = people.assign(id).await;
                (people.cancel(id).await, assigned)
            }
        };
        anyhow::Ok((id, canceled?.must_be(200)?, assigned?))
    })
    .await;
    let pairs = pairs.into_iter().collect::<Result<Vec<_>>>()?;
    let late = pairs.iter().filter(|(id, _, assigned)| id % 3 == 1 && assigned.status == 201).count();
    ensure!(late > 0, "no tutor was told yes after the student was: the test shows nothing");
    for (id, _, assigned) in &pairs {
        ensure!(matches!(assigned.status, 201 | 409), "{id}: {} {}", assigned.status, assigned.body);
        let visit = if assigned.status == 201 { "visitCanceled" } else { "none" };
        let last = if assigned.status == 201 { "visitCanceled" } else { "paymentCanceled" };
        eventually(SOON, "it ends cancelled", async || {
            let found = (people.match_status(*id).await?, people.page_status(*id).await?);
            ensure!(found == (last.into(), last.into()), "{id}: {found:?}, not {last}");
            let found = (people.payment_action(*id).await?, people.visit_status(*id).await?);
            ensure!(found == ("Canceled".into(), visit.into()), "{id}: {found:?}");
            Ok(())
        })
        .await?;
    }
    fleet.settled(SOON).await?;
    ensure!(people.listed().await?.is_empty(), "a cancelled match is listed");
    Ok(())
}

async fn listed(people: &People, expected: i64) -> Result<()> {
    eventually(SOON, "all are listed", async || {
        let listed = people.listed().await?.len();
        ensure!(i64::try_from(listed)? == expected, "{listed} of {expected}");
        Ok(())
    })
    .await
}
