//! mypage is fed by events alone: it can be lost, and comes back as it was.

use anyhow::{Result, ensure};
use matching_tests::{LATER, People, SOON, request_all};
use serde_json::{Value, json};
use testkit::{Fleet, each, eventually};

const MATCHES: i64 = 300;

/// Matches in every state: requested, assigned, cancelled before and after.
async fn history(fleet: &Fleet) -> Result<Vec<Value>> {
    let people = People::of(fleet)?;
    request_all(&people, 16, 1..=MATCHES).await?;
    eventually(SOON, "all are listed", async || {
        let listed = people.listed().await?.len();
        ensure!(listed == usize::try_from(MATCHES)?, "{listed}");
        Ok(())
    })
    .await?;
    for answer in each((1..=MATCHES).step_by(2), 16, async |id| people.assign(id).await).await {
        answer?.must_be(201)?;
    }
    for answer in each((1..=MATCHES).step_by(3), 16, async |id| people.cancel(id).await).await {
        answer?.must_be(200)?;
    }
    fleet.settled(SOON).await?;
    let pages = people.api.all("/myPages", "myPages").await?;
    for (status, count) in
        [("paymentApproved", 100), ("visitAssigned", 100), ("paymentCanceled", 50), ("visitCanceled", 50)]
    {
        let found = pages.iter().filter(|page| page["status"] == status).count();
        ensure!(found == count, "{found} pages are {status}, not {count}");
    }
    Ok(pages)
}

async fn pages_become(people: &People, expected: &[Value]) -> Result<()> {
    eventually(LATER, "the pages are what they were", async || {
        let pages = people.api.all("/myPages", "myPages").await?;
        let different = pages.iter().zip(expected).find(|(page, expected)| page != expected);
        ensure!(pages.len() == expected.len() && different.is_none(), "{} pages; {different:?}", pages.len());
        Ok(())
    })
    .await
}

pub async fn a_view_whose_store_is_deleted_is_rebuilt_and_equal_to_what_it_was(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let pages = history(fleet).await?;
    fleet.kill("mypage").await?;
    fleet.empty_store("mypage").await?;
    fleet.start("mypage").await?;
    pages_become(&people, &pages).await?;
    fleet.settled(SOON).await?;
    pages_become(&people, &pages).await
}

pub async fn a_view_is_rebuilt_while_it_runs_and_while_matches_are_requested(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let pages = history(fleet).await?;
    let mypage = fleet.api("mypage")?;
    mypage.post("/messaging/rebuild", &json!({})).await?.must_be(202)?;
    let meanwhile = request_all(&people, 4, 1001..=1100).await?;
    eventually(LATER, "all pages are there", async || {
        let found = people.api.all("/myPages", "myPages").await?.len();
        ensure!(found == pages.len() + meanwhile.len(), "{found}");
        Ok(())
    })
    .await?;
    fleet.settled(LATER).await?;
    let mut expected = pages;
    let now = people.api.all("/myPages", "myPages").await?;
    expected.extend(now.into_iter().filter(|page| page["id"].as_i64() > Some(1000)));
    pages_become(&people, &expected).await?;
    // What does not come from events alone cannot be rebuilt from them.
    fleet.api("visit")?.post("/messaging/rebuild", &json!({})).await?.must_be_problem(409, "no view")?;
    Ok(())
}
