//! The story of a lunch.

use anyhow::{Context as _, Result, ensure};
use foodcourt_tests::{PRICE, People, SOON};
use serde_json::{Value, json};
use testkit::{Fleet, Live, eventually};

/// The document in the next message of a stream, and its id.
async fn next(stream: &mut Live) -> Result<(Value, String)> {
    let message = stream.next(SOON).await?.context("the stream has ended")?;
    Ok((serde_json::from_str(&message.data)?, message.id))
}

/// The stream, after its first block, which has an id alone.
async fn follow(people: &People, path: &str) -> Result<(Live, String)> {
    let mut stream = people.api.follow(path, None).await?;
    let first = stream.next(SOON).await?.context("the stream has ended")?;
    ensure!(first.data.is_empty() && !first.id.is_empty(), "{first:?}");
    Ok((stream, first.id))
}

pub async fn a_dish_is_ordered_taken_finished_announced_and_another_order_is_cancelled(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let menu = people.all("/menus?shopId=1").await?;
    assert_eq!((&menu[0]["menuId"], &menu[0]["price"]), (&json!(1), &json!(PRICE)));
    let (mut alarms, begin) = follow(&people, "/alarms/events").await?;
    let (mut account, _) = follow(&people, "/views/events?shopId=1").await?;
    let (mut other_account, _) = follow(&people, "/views/events?shopId=2").await?;

    let body = json!({ "orderId": 1, "shopId": 1, "menuId": 1, "qty": "2", "price": PRICE, "status": "order" });
    let ordered = people.api.post("/orders/order", &body).await?.must_be(201)?;
    assert_eq!(ordered.header("location"), Some("/orders/1"));
    assert_eq!((&ordered.body["amount"], &ordered.body["status"]), (&json!(2 * PRICE), &json!("order")));
    people.api.post("/orders", &body).await?.must_be(200)?;
    people.shows("/cooks/1", &[("cookStatus", "order")]).await?;
    assert_eq!(next(&mut account).await?.0["status"], "order");

    people.take(1).await?.must_be(200)?;
    people.take(1).await?.must_be(200)?;
    people.becomes(1, "cook").await?;
    assert_eq!(next(&mut account).await?.0["cookStatus"], "cook");
    let late = people.cancel(1).await?.must_be_problem(409, "")?;
    assert_eq!(late.body["cookStatus"], "cook");
    people.api.post("/cook/stausChange", &json!({ "orderId": 1, "cookStatus": "cooked" })).await?.must_be(200)?;
    people.becomes(1, "cooked").await?;
    assert_eq!(people.api.get("/cook/cookStatusCheck?orderId=1").await?.must_be(200)?.body, json!("cooked"));
    assert_eq!(next(&mut alarms).await?.0["orderId"], 1);
    assert_eq!(next(&mut account).await?.0["status"], "cooked");

    people.order(2).await?.must_be(201)?;
    people.cancel(2).await?.must_be(200)?;
    assert_eq!(people.cancel(2).await?.must_be(200)?.body, json!(true));
    people.becomes(2, "cancel").await?;
    people.order_of(3, 2).await?.must_be(201)?;
    assert_eq!(next(&mut other_account).await?.0["orderId"], 3);
    let totals = json!({ "order": 0, "cook": 0, "cooked": 1, "cancel": 1 });
    people.shows("/views?shopId=1", &[("totals", &totals.to_string())]).await?;
    eventually(SOON, "the kitchen has dropped it", async || {
        let orders = people.all("/cooks?shopId=1").await?;
        ensure!(orders.len() == 1 && orders[0]["orderId"] == 1, "{orders:?}");
        Ok(())
    })
    .await?;
    // A client that has lost its connection misses nothing.
    let mut again = people.api.follow("/alarms/events", Some(&begin)).await?;
    assert_eq!(next(&mut again).await?.0["orderId"], 1);
    assert_eq!(people.all("/alarms?shopId=1").await?.len(), 1);
    people.assert_laws(fleet).await
}
