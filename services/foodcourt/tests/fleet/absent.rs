//! A context that is down stops no other one, except where the business needs its answer.

use anyhow::{Result, ensure};
use foodcourt_tests::{LATER, People};
use serde_json::json;
use testkit::{Fleet, each, eventually};

/// Orders without the kitchen.
const ORDERS: i64 = 200;

pub async fn orders_go_on_without_the_kitchen_and_all_are_there_afterwards_oldest_first_and_none_twice(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("cook").await?;
    for answer in each(1..=ORDERS, 8, async |order| people.order(order).await).await {
        answer?.must_be(201)?;
    }
    for order in 1..=8 {
        let answer = people.cancel(order).await?.must_be_problem(503, "")?;
        ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
        assert_eq!(people.state(order).await?, ("order".to_owned(), false), "nothing has changed");
    }
    fleet.start("cook").await?;
    eventually(LATER, "the kitchen has all orders", async || {
        let heard = fleet.number("cook", "SELECT COUNT(*) FROM cooks").await?;
        ensure!(heard == ORDERS, "{heard} of them");
        Ok(())
    })
    .await?;
    let orders = people.all("/cooks?shopId=1").await?;
    // Without the letter: a fraction of a second has no zeros at its end.
    let times = orders.iter().filter_map(|order| order["orderedAt"].as_str());
    let times: Vec<&str> = times.map(|time| time.trim_end_matches('Z')).collect();
    ensure!(times.len() == usize::try_from(ORDERS)? && times.is_sorted(), "oldest first, none twice: {times:?}");
    eventually(LATER, "the breaker lets a cancellation pass", async || people.cancel(1).await?.must_be(200)).await?;
    people.becomes(1, "cancel").await?;
    people.assert_laws(fleet).await
}

pub async fn orders_go_on_without_the_board_and_the_accounts_and_both_catch_up(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("notification").await?;
    fleet.kill("shopaccount").await?;
    for order in 1..=20 {
        people.order(order).await?.must_be(201)?;
        people.take_soon(order).await?;
        people.finish(order).await?.must_be(200)?;
    }
    people.api.get("/alarms").await?.must_be_problem(503, "")?;
    people.api.get("/views/1").await?.must_be_problem(503, "")?;
    fleet.start("notification").await?;
    fleet.start("shopaccount").await?;
    people.assert_laws(fleet).await?;
    assert_eq!(people.all("/alarms?shopId=1").await?.len(), 20);
    let totals = json!({ "order": 0, "cook": 0, "cooked": 20, "cancel": 0 });
    people.shows("/views?shopId=1", &[("totals", &totals.to_string())]).await
}
