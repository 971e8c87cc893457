//! Roles and ownership, with authentication.

use anyhow::{Result, ensure};
use serde_json::json;
use storagerent_tests::{People, SOON};
use testkit::{Fleet, eventually};

pub async fn a_customer_sees_and_cancels_its_own_and_a_manager_sees_all(fleet: &mut Fleet) -> Result<()> {
    fleet.require_identity()?;
    fleet.start_all().await?;
    let [manager, kim, lee] = [("manager", "ann"), ("customer", "kim"), ("customer", "lee")]
        .map(|(role, name)| fleet.gateway_as(role, name).map(People::with));
    let (manager, kim, lee) = (manager?, kim?, lee?);
    kim.register(1).await?.must_be(403)?;
    People::of(fleet)?.register(1).await?.must_be(401)?;
    manager.register(1).await?.must_be(201)?;
    manager.register(2).await?.must_be(201)?;
    manager.reserve(5, 1).await?.must_be(403)?;
    kim.reserve(5, 1).await?.must_be(201)?;
    lee.reserve(6, 2).await?.must_be(201)?;
    lee.reserve(5, 1).await?.must_be(409)?;
    kim.becomes(5, "reserved").await?;
    lee.api.get("/reservations/5").await?.must_be(404)?;
    lee.cancel(5).await?.must_be(404)?;
    manager.api.get("/reservations/5").await?.must_be(200)?;
    let of = async |people: &People| Ok::<_, anyhow::Error>(people.all("/reservations").await?.len());
    assert_eq!((of(&kim).await?, of(&lee).await?, of(&manager).await?), (1, 1, 2));
    kim.api.get("/storages/1").await?.must_be(200)?;
    eventually(SOON, "there is a page", async || kim.api.get("/storageviews/1").await?.must_be(200)).await?;
    kim.api.get("/payments").await?.must_be(403)?;
    lee.review(5, 1).await?.must_be(403)?;
    eventually(SOON, "the room is reviewed", async || kim.review(5, 1).await?.must_be(201)).await?;
    let message = json!({ "storageId": 1, "content": "The lift is repaired." });
    kim.api.post("/messages", &message).await?.must_be(403)?;
    manager.api.post("/messages", &message).await?.must_be(201)?;
    eventually(SOON, "the customer has a message", async || {
        let messages = kim.all("/messages").await?;
        ensure!(messages.len() == 1, "{messages:?}");
        Ok(())
    })
    .await?;
    kim.cancel(5).await?.must_be(200)?;
    kim.becomes(5, "cancelled").await?;
    kim.assert_laws(fleet).await
}
