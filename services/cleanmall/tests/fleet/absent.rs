//! A context that is down stops no other one, except where the business needs its answer.

use anyhow::{Result, ensure};
use cleanmall_tests::People;
use testkit::Fleet;

use crate::assigning::{all_arrive, finish_all, order_of_assignments};
use crate::story::has_messages;

pub async fn calls_go_on_without_cleanassign_and_are_assigned_afterwards_oldest_first(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("cleanassign").await?;
    for call in 1..=20 {
        people.call(call, None).await?.must_be(201)?;
    }
    people.api.get("/cleanassigns").await?.must_be_problem(503, "")?;
    let calls = people.all("/cleancalls").await?;
    ensure!(calls.len() == 20 && calls.iter().all(|call| call["status"] == "calling"), "{calls:?}");
    fleet.start("cleanassign").await?;
    all_arrive(&people, 20).await?;
    finish_all(&people, 1..=20).await?;
    people.assert_laws(fleet).await?;
    let order = order_of_assignments(fleet).await?;
    // The three cleaners who were free got the oldest calls of the first batch, which need not be of all partitions.
    ensure!(order.len() == 20 && order[3..].is_sorted(), "{order:?}");
    Ok(())
}

pub async fn calls_go_on_without_customer_which_catches_up(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("customer").await?;
    for call in 1..=10 {
        people.call(call, None).await?.must_be(201)?;
    }
    finish_all(&people, 1..=10).await?;
    people.api.get("/messages").await?.must_be_problem(503, "")?;
    fleet.start("customer").await?;
    for call in 1..=10 {
        has_messages(&people, call, &["called", "managed", "assigned", "finished"]).await?;
    }
    people.assert_laws(fleet).await
}
