//! Lunch: 100 orders per second over 50 shops, with two and then five replicas of the kitchen.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use foodcourt_tests::{LATER, People};
use serde_json::json;
use testkit::{Fleet, eventually};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Shops.
const SHOPS: i64 = 50;

/// The time between two orders.
const INTERVAL: Duration = Duration::from_millis(10);

/// Orders of a lunch: a minute.
const ORDERS: i64 = 6_000;

/// The most orders that are under way. A busy machine does not keep up with the rate, and one address may not have more.
const AT_ONCE: usize = 100;

/// Orders at the given rate.
async fn orders(people: &People, ids: std::ops::RangeInclusive<i64>) -> Result<()> {
    let (begin, mut customers, room) = (Instant::now(), JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for (place, order) in (0_u32..).zip(ids) {
        sleep_until(begin + INTERVAL * place).await;
        let (people, permit) = (people.clone(), Arc::clone(&room).acquire_owned().await?);
        customers.spawn(async move {
            let _permit = permit;
            order_until_placed(&people, order).await
        });
    }
    while let Some(placed) = customers.join_next().await {
        placed??;
    }
    Ok(())
}

/// On a busy machine there may be no answer in time: then the same is ordered again.
async fn order_until_placed(people: &People, order: i64) -> Result<()> {
    let deadline = Instant::now() + LATER;
    loop {
        let answer = people.order_of(order, order % SHOPS + 1).await;
        if answer.as_ref().is_ok_and(|answer| matches!(answer.status, 200 | 201)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "order {order}: {:?}", answer.map(|answer| (answer.status, answer.body)));
        sleep_until(Instant::now() + 10 * INTERVAL).await;
    }
}

pub async fn each_order_of_a_lunch_in_fifty_shops_is_in_one_kitchen_once(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for shop in 1..=SHOPS {
        let dish = json!({ "name": format!("Dish of the day {shop}"), "price": 1_000 });
        let put = people.api.with("PUT".parse()?, &format!("/menus/{shop}/1"), &dish).await?;
        ensure!(matches!(put.status, 200 | 201), "{}", put.status);
    }
    fleet.replicate("cook").await?;
    orders(&people, 1..=ORDERS / 2).await?;
    for _ in 3..=5 {
        fleet.replicate("cook").await?;
    }
    orders(&people, ORDERS / 2 + 1..=ORDERS).await?;
    eventually(LATER, "the kitchens have all orders", async || {
        let heard = fleet.number("cook", "SELECT COUNT(*) FROM cooks WHERE status = 'order'").await?;
        ensure!(heard == ORDERS, "{heard} of them");
        Ok(())
    })
    .await?;
    let mut listed = 0;
    for shop in 1..=SHOPS {
        let orders = people.all(&format!("/cooks?shopId={shop}")).await?;
        ensure!(orders.iter().all(|order| order["shopId"] == shop), "of other shops: {orders:?}");
        listed += i64::try_from(orders.len())?;
    }
    ensure!(listed == ORDERS, "{listed} are in the lists of the kitchens");
    people.assert_laws(fleet).await
}
