//! A context that is down stops no other one, except where the business needs its answer.

use anyhow::{Result, ensure};
use storagerent_tests::{LATER, People};
use testkit::{Fleet, each, eventually};

pub async fn reservations_go_on_without_message_and_viewpage_and_both_catch_up(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("message").await?;
    fleet.kill("viewpage").await?;
    for answer in each(1..=20, 8, async |room| {
        people.register(room).await?.must_be(201)?;
        people.reserve(100 + room, room).await
    })
    .await
    {
        answer?.must_be(201)?;
    }
    for room in 1..=10 {
        people.becomes(100 + room, "reserved").await?;
        people.cancel(100 + room).await?.must_be(200)?;
    }
    for room in 1..=10 {
        people.becomes(100 + room, "cancelled").await?;
    }
    people.api.get("/messages?storageId=1").await?.must_be_problem(503, "")?;
    people.api.get("/storageviews/1").await?.must_be_problem(503, "")?;
    fleet.start("message").await?;
    fleet.start("viewpage").await?;
    people.assert_laws(fleet).await?;
    let messages = people.all("/messages").await?;
    ensure!(messages.len() == 30, "{} messages", messages.len());
    Ok(())
}

pub async fn a_payment_that_dies_and_restarts_loses_no_reservation(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for room in 1..=20 {
        people.register(room).await?.must_be(201)?;
    }
    let customers = people.clone();
    let requests = tokio::spawn(async move {
        each(1..=20, 4, async |id| {
            eventually(LATER, "it is reserved", async || {
                let answer = customers.reserve(id, id).await?;
                ensure!(matches!(answer.status, 200 | 201), "{}", answer.status);
                Ok(())
            })
            .await
        })
        .await
    });
    fleet.kill("payment").await?;
    people.api.get("/payments/1").await?.must_be_problem(503, "")?;
    people.api.get("/reservations").await?.must_be(200)?;
    fleet.start("payment").await?;
    for outcome in requests.await? {
        outcome?;
    }
    people.assert_laws(fleet).await?;
    ensure!(people.all("/payments").await?.len() == 20, "each is paid");
    Ok(())
}
