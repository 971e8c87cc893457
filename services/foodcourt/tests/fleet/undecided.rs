//! The kitchen has agreed, and the order context does not know it.

use anyhow::{Result, ensure};
use foodcourt_tests::{People, SOON};
use testkit::{Fleet, each, eventually};

/// Cancellations that are under way at the same time. Below the calls that the breaker needs before it judges.
const AT_ONCE: i64 = 8;

pub async fn order_dies_after_the_kitchen_said_yes_and_the_order_is_cancelled_without_anyone_asking(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for round in 1..=3 {
        let ids = 100 * round..100 * round + AT_ONCE;
        for order in ids.clone() {
            people.order(order).await?.must_be(201)?;
        }
        // The kitchen stands still while it is called, and executes the requests of a caller that is dead.
        fleet.pause("cook")?;
        let (customers, orders) = (people.clone(), ids.clone());
        let requests = tokio::spawn(async move { each(orders, 64, async |order| customers.cancel(order).await).await });
        let begun = format!("SELECT COUNT(*) FROM cancellations WHERE order_id >= {}", ids.start);
        eventually(SOON, "all cancellations have begun", async || {
            let begun = fleet.number("order", &begun).await?;
            ensure!(begun == AT_ONCE, "{begun} have begun");
            Ok(())
        })
        .await?;
        if round == 2 {
            // The kitchen agrees to some of them, and its decision may be stored.
            fleet.resume("cook")?;
        }
        fleet.kill("order").await?;
        if round != 2 {
            fleet.resume("cook")?;
        }
        requests.await?;
        fleet.start("order").await?;
        for order in ids {
            people.becomes(order, "cancel").await?;
        }
        people.assert_laws(fleet).await?;
    }
    Ok(())
}

pub async fn a_yes_that_is_lost_on_its_way_is_said_again(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for order in 1..=2 {
        people.order(order).await?.must_be(201)?;
        people.shows(&format!("/cooks/{order}"), &[("cookStatus", "order")]).await?;
    }
    // The kitchen receives the cancellation, and executes it after its caller has given up.
    fleet.pause("cook")?;
    let answer = people.cancel(1).await?.must_be_problem(503, "")?;
    ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    assert_eq!(people.state(1).await?, ("order".to_owned(), true), "the order says that it is undecided");
    assert_eq!(people.state(2).await?, ("order".to_owned(), false));
    fleet.resume("cook")?;
    people.becomes(1, "cancel").await?;
    assert_eq!(people.cancel(1).await?.must_be(200)?.body, serde_json::json!(true));
    people.take_soon(2).await?;
    people.cancel(2).await?.must_be_problem(409, "")?;
    people.assert_laws(fleet).await
}
