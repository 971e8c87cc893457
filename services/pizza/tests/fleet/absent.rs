//! A context that is down stops no other one, except where the business needs its answer.

use anyhow::{Result, ensure};
use pizza_tests::People;
use testkit::{Fleet, each};

pub async fn orders_and_refunds_go_on_without_coupon_and_statusview_and_both_catch_up(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("coupon").await?;
    fleet.kill("statusview").await?;
    for outcome in each(1..=20, 8, async |id| people.order_and_deliver(id).await).await {
        outcome?;
    }
    // Refunded; refunded and returned; refunded and cancelled; cancelled, and refunded again; the others are delivered.
    for id in 1..=16 {
        people.refund(id).await?.must_be(201)?;
        let end = match id {
            1..=4 => continue,
            5..=8 => "returned",
            _ => "refundCanceled",
        };
        people.report(id, end).await?.must_be(200)?;
        people.refund_becomes(id, end).await?;
        if id > 12 {
            people.refund(id).await?.must_be(201)?;
        }
    }
    people.api.get("/coupons").await?.must_be_problem(503, "")?;
    people.api.get("/statusviews/1").await?.must_be_problem(503, "")?;
    fleet.start("coupon").await?;
    fleet.start("statusview").await?;
    people.assert_laws(fleet).await?;
    for id in 1..=20 {
        people.coupon_becomes(id, if matches!(id, 9..=12 | 17..) { "published" } else { "couponRefunded" }).await?;
    }
    Ok(())
}

pub async fn refunds_are_unavailable_while_delivery_is_down_and_nothing_of_them_stays(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order_and_deliver(1).await?;
    people.order_and_deliver(2).await?;
    people.refund(2).await?.must_be(201)?;
    people.report(2, "refundCanceled").await?.must_be(200)?;
    people.refund_becomes(2, "refundCanceled").await?;
    fleet.kill("delivery").await?;
    let answer = people.refund(1).await?.must_be_problem(503, "")?;
    ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    people.refund(2).await?.must_be_problem(503, "")?;
    // Orders are still taken.
    people.order(3).await?.must_be(201)?;
    people.api.get("/refunds/1").await?.must_be(404)?;
    people.refund_becomes(2, "refundCanceled").await?;
    fleet.start("delivery").await?;
    people.delivery_becomes(1, "Finished").await?;
    people.delivery_becomes(2, "refundCanceled").await?;
    people.delivery_becomes(3, "started").await?;
    people.assert_laws(fleet).await
}
