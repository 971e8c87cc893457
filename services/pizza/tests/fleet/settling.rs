//! Paid and established, or neither; refunded on both sides, or on neither: whichever process dies or is late.

use anyhow::{Result, ensure};
use pizza_tests::{LATER, People, SOON};
use testkit::{Fleet, Simulator, each, eventually};

/// Requests that are under way at the same time. Below the calls that the breaker needs before it judges.
const AT_ONCE: i64 = 8;

pub async fn order_dies_between_paying_establishing_and_answering(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.takes(fleet, 500).await?;
    // While payment takes its time, and when it has approved some of them.
    for (round, paid) in [(1, false), (2, true), (3, true)] {
        let ids = 100 * round..100 * round + AT_ONCE;
        let (customers, requested) = (people.clone(), ids.clone());
        let requests = tokio::spawn(async move { each(requested, 64, async |id| customers.order(id).await).await });
        eventually(SOON, "all orders are pending, or some are paid", async || {
            let first = ids.start;
            let pending = format!("SELECT COUNT(*) FROM orders WHERE phase = 'pending' AND order_id >= {first}");
            let pending = fleet.number("order", &pending).await?;
            let payments = format!("SELECT COUNT(*) FROM payments WHERE order_id >= {first}");
            let payments = fleet.number("payment", &payments).await?;
            ensure!(if paid { payments > 0 } else { pending > 0 }, "{pending} are pending, {payments} are paid");
            Ok(())
        })
        .await?;
        fleet.kill("order").await?;
        requests.await?;
        fleet.start("order").await?;
        people.assert_laws(fleet).await?;
    }
    provider.approves_at_once(fleet).await?;
    // All ids are good for an order again.
    for id in [100, 200, 300] {
        people.order_and_deliver(id).await?;
    }
    people.assert_laws(fleet).await
}

pub async fn refund_dies_between_the_agreement_of_delivery_and_writing_it_down(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for id in 1..=AT_ONCE {
        people.order_and_deliver(id).await?;
    }
    // Delivery has the calls, and executes them when their caller is dead.
    fleet.pause("delivery")?;
    let customers = people.clone();
    let requests = tokio::spawn(async move { each(1..=AT_ONCE, 64, async |id| customers.refund(id).await).await });
    eventually(SOON, "the refunds are under way", async || {
        let sql = "SELECT COUNT(*) FROM refunds WHERE phase IN ('pending', 'completing')";
        let pending = fleet.number("refund", sql).await?;
        ensure!(pending == AT_ONCE, "{pending} are pending");
        Ok(())
    })
    .await?;
    fleet.kill("refund").await?;
    requests.await?;
    fleet.resume("delivery")?;
    fleet.start("refund").await?;
    people.assert_laws(fleet).await?;
    for id in 1..=AT_ONCE {
        let (refund, delivery) = (format!("/refunds/{id}"), format!("/deliveries/{id}"));
        let is_refunded = people.field(&refund, "refundStatus").await? == "refunded";
        let delivery = people.field(&delivery, "deliveryStatus").await?;
        ensure!(delivery == if is_refunded { "refunded" } else { "Finished" }, "{id}: {is_refunded}, {delivery}");
    }
    Ok(())
}

pub async fn the_agreement_of_delivery_is_lost_and_the_courier_cancels_the_return(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for id in 1..=3 {
        people.order_and_deliver(id).await?;
        people.coupon_becomes(id, "published").await?;
        // Delivery receives the request, and executes it after its caller has given up. It is answered 504: it is completed.
        fleet.pause("delivery")?;
        people.refund(id).await?.must_be_problem(504, "")?;
        fleet.resume("delivery")?;
        eventually(SOON, "the courier cancels the return", async || {
            people.report(id, "refundCanceled").await?.must_be(200)
        })
        .await?;
        people.refund_becomes(id, "refundCanceled").await?;
        people.coupon_becomes(id, "published").await?;
        people.delivery_becomes(id, "refundCanceled").await?;
        people.order_becomes(id, "delivered").await?;
    }
    people.assert_laws(fleet).await?;
    eventually(LATER, "a second refund is possible", async || people.refund(1).await?.must_be(201)).await?;
    people.assert_laws(fleet).await
}
