//! An overloaded payment: the caller fails fast with a clear answer, and recovers alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use matching_tests::{LATER, People};
use serde_json::json;
use testkit::{ApiResponse, Fleet, Simulator, each, eventually};

/// The median of the responses that do not wait for payment, which needs two seconds then. A busy machine delays them, too.
const AT_ONCE: Duration = Duration::from_millis(200);

/// The longest response while payment is slow, on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

const OPEN: f64 = 2.0;

fn median(answers: &[ApiResponse]) -> Duration {
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort_unstable();
    took[took.len() / 2]
}

async fn state(fleet: &Fleet) -> Result<f64> {
    fleet.metric("match", "call_breaker_state", &[("call", "payment")]).await
}

pub async fn the_breaker_opens_refuses_at_once_and_closes_alone(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    // Straight at the service: its own time is what is promised.
    let people = People { api: fleet.api("match")? };
    people.request(1).await?.must_be(201)?;
    provider.becomes(fleet, &json!({ "delayMs": 200, "jitterMs": 200 })).await?;
    let answers =
        each(1000..1100, 20, async |id| people.request(id).await).await.into_iter().collect::<Result<Vec<_>>>()?;
    let established = answers.iter().filter(|answer| answer.status == 201).count();
    ensure!(established >= 60, "{established} of 100 were established");
    ensure!(answers.iter().all(|answer| matches!(answer.status, 201 | 503)), "neither yes nor come back");
    ensure!(answers.iter().all(|answer| answer.took < LONGEST), "a response took more than {LONGEST:?}");

    provider.takes(fleet, 2000).await?;
    each(2000..2120, 60, async |id| people.request(id).await).await;
    ensure!(state(fleet).await? > 0.0, "the breaker is closed");
    let mut refused = Vec::new();
    for id in 3000..3200 {
        let answer = people.request(id).await?.must_be_problem(503, "")?;
        let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
        ensure!(seconds.is_some_and(|seconds| (1..=10).contains(&seconds)), "{:?}", answer.headers);
        refused.push(answer);
    }
    let refusal = median(&refused);
    let mut read = Vec::new();
    for _ in 0..100 {
        read.push(people.api.get("/matches/1").await?.must_be(200)?);
    }
    eprintln!("refused in {refusal:?}, read in {:?} (medians, with the time of the client)", median(&read));
    ensure!(refusal < AT_ONCE, "a refusal takes {refusal:?}");
    ensure!(median(&read) < AT_ONCE, "a match is read in {:?}", median(&read));
    // A match that exists is answered whatever the breaker says.
    people.request(1).await?.must_be(200)?;
    ensure!(state(fleet).await? > 0.0 && state(fleet).await? <= OPEN, "the breaker is closed");

    provider.approves_at_once(fleet).await?;
    let mut id = 4000;
    eventually(LATER, "the breaker closes", async || {
        id += 1;
        people.request(id).await?.must_be(201)?;
        let state = state(fleet).await?;
        ensure!(state.abs() < f64::EPSILON, "the breaker is {state}");
        Ok(())
    })
    .await?;
    for id in 5000..5100 {
        people.request(id).await?.must_be(201)?;
    }
    Ok(())
}
