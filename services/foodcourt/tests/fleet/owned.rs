//! Roles, ownership and tenants, with authentication, also when the gateway is bypassed.

use anyhow::{Result, ensure};
use foodcourt_tests::{People, SOON};
use identity::Identity;
use serde_json::json;
use testkit::{Api, Fleet, eventually};

fn shop(id: i64) -> Identity {
    Identity::new(format!("owner of {id}"), ["shop"]).with_claim("shopId", id.to_string())
}

async fn count(api: &Api, path: &str) -> Result<usize> {
    let rel = path.trim_start_matches('/').split('?').next().unwrap_or_default();
    Ok(api.all(path, rel).await?.len())
}

pub async fn a_customer_sees_its_own_orders_a_shop_its_own_and_a_board_the_alarms(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let [kim, lee] = ["kim", "lee"].map(|name| fleet.gateway_as("customer", name).map(People::with));
    let (kim, lee) = (kim?, lee?);
    let one = People::with(fleet.gateway_for(&shop(1))?);
    let two = People::with(fleet.gateway_for(&shop(2))?);
    let (board, operator) = (fleet.gateway_as("board", "bo")?, fleet.gateway_as("operator", "olga")?);
    let nowhere = People::with(fleet.gateway_as("shop", "max")?);
    People::of(fleet)?.order(1).await?.must_be(401)?;
    one.order(1).await?.must_be(403)?;
    kim.order(1).await?.must_be(201)?;
    kim.order_of(2, 2).await?.must_be(201)?;
    lee.order(3).await?.must_be(201)?;
    lee.order(1).await?.must_be(409)?;

    // Orders.
    lee.api.get("/orders/1").await?.must_be(404)?;
    lee.cancel(1).await?.must_be(404)?;
    one.cancel(1).await?.must_be(403)?;
    two.api.get("/orders/1").await?.must_be(404)?;
    nowhere.api.get("/orders").await?.must_be(403)?;
    board.get("/orders").await?.must_be(403)?;
    for (api, expected) in [(&kim.api, 2), (&lee.api, 1), (&one.api, 2), (&two.api, 1), (&operator, 3)] {
        assert_eq!(count(api, "/orders").await?, expected);
    }
    // Menus.
    let dish = json!({ "name": "Soup", "price": 700 });
    let put = async |api: &Api, path: &str| api.with("PUT".parse()?, path, &dish).await;
    put(&kim.api, "/menus/1/9").await?.must_be(403)?;
    put(&two.api, "/menus/1/9").await?.must_be(403)?;
    put(&one.api, "/menus/1/9").await?.must_be(201)?;
    put(&operator, "/menus/2/9").await?.must_be(201)?;
    // Kitchens.
    eventually(SOON, "the kitchens have all orders", async || {
        let heard = count(&operator, "/cooks").await?;
        ensure!(heard == 3, "{heard}");
        Ok(())
    })
    .await?;
    assert_eq!((count(&one.api, "/cooks").await?, count(&two.api, "/cooks").await?), (2, 1));
    kim.api.get("/cooks").await?.must_be(403)?;
    kim.api.get("/cook/cookStatusCheck?orderId=1").await?.must_be(200)?;
    lee.api.get("/cook/cookStatusCheck?orderId=1").await?.must_be(404)?;
    kim.take(1).await?.must_be(403)?;
    two.take(1).await?.must_be(404)?;
    one.take(1).await?.must_be(200)?;
    one.finish(1).await?.must_be(200)?;
    kim.cancel(1).await?.must_be_problem(409, "")?;
    kim.cancel(2).await?.must_be(200)?;
    // The board, and the accounts.
    eventually(SOON, "it is announced", async || {
        ensure!(count(&board, "/alarms").await? == 1);
        Ok(())
    })
    .await?;
    kim.api.get("/alarms").await?.must_be(403)?;
    one.api.get("/alarms").await?.must_be(403)?;
    eventually(SOON, "the accounts have all", async || {
        ensure!(count(&operator, "/views").await? == 3);
        Ok(())
    })
    .await?;
    board.get("/views").await?.must_be(403)?;
    for (api, expected) in [(&kim.api, 2), (&lee.api, 1), (&one.api, 2), (&two.api, 1)] {
        assert_eq!(count(api, "/views").await?, expected);
    }
    bypassed(fleet).await?;
    kim.assert_laws(fleet).await
}

/// The services decide themselves.
async fn bypassed(fleet: &Fleet) -> Result<()> {
    for (process, path) in
        [("order", "/orders"), ("cook", "/cooks"), ("notification", "/alarms"), ("shopaccount", "/views")]
    {
        fleet.api(process)?.get(path).await?.must_be(401)?;
        fleet.api_as(process, "student", "kim")?.get(path).await?.must_be(403)?;
    }
    for (process, path) in [("order", "/orders"), ("cook", "/cooks"), ("shopaccount", "/views")] {
        assert_eq!(count(&fleet.api_for(process, shop(2))?, path).await?, usize::from(process != "cook"), "{path}");
        fleet.api_as(process, "shop", "max")?.get(path).await?.must_be(403)?;
        fleet.api_for(process, shop(2))?.get(&format!("{path}/1")).await?.must_be(404)?;
    }
    let cancellation = json!({ "orderId": 3, "shopId": 1 });
    fleet.api("cook")?.post("/cancellations", &cancellation).await?.must_be(401)?;
    fleet.api_for("cook", shop(1))?.post("/cancellations", &cancellation).await?.must_be(403)?;
    fleet.api_as("cook", "operator", "olga")?.post("/cancellations", &cancellation).await?.must_be(403)?;
    fleet
        .api_for("cook", shop(2))?
        .post("/cook/statusChange", &json!({ "orderId": 3, "cookStatus": "cook" }))
        .await?
        .must_be(404)?;
    Ok(())
}
