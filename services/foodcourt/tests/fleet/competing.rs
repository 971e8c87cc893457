//! Customer and kitchen at the same instant.

use anyhow::{Context as _, Result, ensure};
use foodcourt_tests::{LATER, People};
use testkit::{Fleet, each, eventually};

/// Orders.
const ORDERS: i64 = 1_000;

/// Orders that are decided about at the same time.
const AT_ONCE: usize = 16;

pub async fn of_a_cancellation_and_a_kitchen_at_the_same_instant_one_is_told_yes_a_thousand_times(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for answer in each(1..=ORDERS, AT_ONCE, async |order| people.order(order).await).await {
        answer?.must_be(201)?;
    }
    eventually(LATER, "the kitchen has heard of all orders", async || {
        let heard = fleet.number("cook", "SELECT COUNT(*) FROM cooks").await?;
        ensure!(heard == ORDERS, "{heard} of them");
        Ok(())
    })
    .await?;
    let decided = each(1..=ORDERS, AT_ONCE, async |order| {
        let (cancel, take) = tokio::join!(people.cancel(order), people.take(order));
        // An undecided cancellation is repeated until it is answered.
        let (mut cancel, take) = (cancel?.status, take?.status);
        while cancel == 503 {
            cancel = people.cancel(order).await?.status;
        }
        ensure!(matches!((cancel, take), (200, 409) | (409, 200)), "order {order}: {cancel} and {take}");
        Ok((order, cancel == 200))
    });
    let mut cancelled = 0;
    for outcome in decided.await {
        let (order, is_cancelled) = outcome?;
        cancelled += i64::from(is_cancelled);
        people.becomes(order, if is_cancelled { "cancel" } else { "cook" }).await?;
    }
    let dropped = fleet.number("cook", "SELECT COUNT(*) FROM cooks WHERE status = 'cancel'").await?;
    ensure!(dropped == cancelled, "{cancelled} are cancelled, and {dropped} are dropped");
    people.assert_laws(fleet).await.context("all contexts agree")
}
