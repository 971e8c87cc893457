//! An overloaded payment, an overloaded delivery: the caller fails fast with a clear answer, and recovers alone.

use anyhow::{Result, ensure};
use pizza_tests::{LATER, People};
use serde_json::json;
use testkit::{ApiResponse, Fleet, Simulator, each, eventually};

async fn breaker(fleet: &Fleet, context: &str, call: &str) -> Result<f64> {
    fleet.metric(context, "call_breaker_state", &[("call", call)]).await
}

fn comes_back_shortly(answer: &ApiResponse) -> Result<()> {
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    ensure!(seconds.is_some_and(|seconds| (1..=10).contains(&seconds)), "{:?}", answer.headers);
    Ok(())
}

/// The limit of the call is 500 ms, and payment takes 400 to 700 ms.
pub async fn a_slow_payment_opens_the_breaker_and_orders_are_refused_at_once(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.set("order", "CALL_TIME_LIMIT", "500ms")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    provider.becomes(fleet, &json!({ "delayMs": 400, "jitterMs": 300 })).await?;
    let mut next = 1000;
    eventually(LATER, "the breaker opens", async || {
        let ids = next..next + 40;
        next += 40;
        for answer in each(ids, 20, async |id| people.order(id).await).await {
            let answer = answer?;
            ensure!(matches!(answer.status, 201 | 503), "{}: {}", answer.status, answer.body);
        }
        ensure!(breaker(fleet, "order", "payment").await? > 0.0, "the breaker is closed");
        Ok(())
    })
    .await?;
    provider.takes(fleet, 2000).await?;
    each(10_000..10_060, 60, async |id| people.order(id).await).await;
    for id in 20_000..20_050 {
        comes_back_shortly(&people.order(id).await?.must_be_problem(503, "")?)?;
    }
    // An order that exists is answered whatever the breaker says.
    people.order(1).await?.must_be(200)?;
    provider.approves_at_once(fleet).await?;
    let mut id = 30_000;
    eventually(LATER, "the breaker closes", async || {
        id += 1;
        people.order(id).await?.must_be(201)?;
        let state = breaker(fleet, "order", "payment").await?;
        ensure!(state.abs() < f64::EPSILON, "the breaker is {state}");
        Ok(())
    })
    .await?;
    people.assert_laws(fleet).await
}

pub async fn an_overloaded_delivery_refuses_refunds_and_nothing_of_them_stays(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for outcome in each(1..=40, 8, async |id| people.order_and_deliver(id).await).await {
        outcome?;
    }
    fleet.pause("delivery")?;
    eventually(LATER, "the breaker opens", async || {
        each(1..=20, 20, async |id| people.refund(id).await).await;
        ensure!(breaker(fleet, "refund", "delivery").await? > 0.0, "the breaker is closed");
        Ok(())
    })
    .await?;
    for id in 21..=40 {
        comes_back_shortly(&people.refund(id).await?.must_be_problem(503, "")?)?;
    }
    let rows = fleet.number("refund", "SELECT COUNT(*) FROM refunds WHERE order_id > 20").await?;
    ensure!(rows == 0, "{rows} refunds were stored");
    fleet.resume("delivery")?;
    people.assert_laws(fleet).await?;
    for id in 21..=40 {
        people.delivery_becomes(id, "Finished").await?;
        people.coupon_becomes(id, "published").await?;
    }
    eventually(LATER, "refunds are possible again", async || {
        let answer = people.refund(21).await?;
        ensure!(answer.status == 201, "{}: {}", answer.status, answer.body);
        Ok(())
    })
    .await?;
    people.assert_laws(fleet).await
}
