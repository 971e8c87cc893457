//! Taken and managed, or neither: whichever process dies or is late.

use anyhow::{Result, ensure};
use cleanmall_tests::{People, SOON};
use testkit::{Fleet, each, eventually};

/// Requests that are under way at the same time. Below the calls that the breaker needs before it judges.
const AT_ONCE: i64 = 8;

pub async fn cleancall_dies_between_asking_management_and_writing_the_answer(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for round in 1..=3 {
        let ids = 100 * round..100 * round + AT_ONCE;
        // The management receives the requests, and answers after its caller has died.
        fleet.pause("cleanmanage")?;
        let (customers, requested) = (people.clone(), ids.clone());
        let requests =
            tokio::spawn(async move { each(requested, 64, async |id| customers.call(id, None).await).await });
        eventually(SOON, "all attempts are stored", async || {
            let first = ids.start;
            let sql = format!("SELECT COUNT(*) FROM cleancalls WHERE call_id >= {first} AND phase = 'pending'");
            let pending = fleet.number("cleancall", &sql).await?;
            ensure!(pending == AT_ONCE, "{pending} are stored");
            Ok(())
        })
        .await?;
        fleet.kill("cleancall").await?;
        fleet.resume("cleanmanage")?;
        requests.await?;
        fleet.start("cleancall").await?;
        people.assert_laws(fleet).await?;
        let sql = "SELECT COUNT(*) FROM cleanmanages WHERE state = 'accepted'";
        ensure!(fleet.number("cleanmanage", sql).await? == 0, "nothing of them is in the management");
    }
    // All ids are good for a call again.
    for id in [100, 200, 300] {
        eventually(SOON, "it is taken", async || {
            let answer = people.call(id, None).await?;
            ensure!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
            Ok(())
        })
        .await?;
    }
    people.assert_laws(fleet).await
}

pub async fn the_answer_of_management_is_lost(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.pause("cleanmanage")?;
    let problem = people.call(5, Some("seoul")).await?.must_be_problem(503, "try again shortly")?;
    ensure!(problem.header("retry-after").is_some(), "{:?}", problem.headers);
    fleet.resume("cleanmanage")?;
    people.assert_laws(fleet).await?;
    people.api.get("/cleanmanages/5").await?.must_be(404)?;
    eventually(SOON, "the call can be taken", async || people.call(5, Some("seoul")).await?.must_be(201)).await?;
    people.becomes(5, "confirmed").await?;
    people.assert_laws(fleet).await
}

pub async fn without_management_no_call_is_taken(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("cleanmanage").await?;
    for call in 1..=40 {
        let problem = people.call(call, None).await?.must_be_problem(503, "")?;
        ensure!(problem.header("retry-after").is_some(), "{:?}", problem.headers);
    }
    people.api.get("/cleancalls").await?.must_be(200)?;
    fleet.start("cleanmanage").await?;
    eventually(SOON, "the breaker has closed", async || {
        let answer = people.call(1, None).await?;
        ensure!(matches!(answer.status, 200 | 201), "{}", answer.status);
        Ok(())
    })
    .await?;
    people.assert_laws(fleet).await?;
    ensure!(people.all("/cleanmanages").await?.len() == 1, "only the last one is managed");
    Ok(())
}
