//! A context that is down stops nobody else, except where the business must know now.

use anyhow::{Result, ensure};
use matching_tests::{LATER, Outcome, Outcomes, People, SOON, is_sound, request_all};
use testkit::{Fleet, eventually};

pub async fn without_payment_nothing_is_established_and_everything_is_shown(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let mut told = request_all(&people, 4, 1..=10).await?;
    is_sound(fleet, SOON, &told).await?;
    fleet.kill("payment").await?;
    for id in 100..110 {
        let answer = people.request(id).await?.must_be_problem(503, "")?;
        ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
        told.insert(id, Outcome::Refused);
    }
    people.request(1).await?.must_be(200)?;
    assert_eq!(people.match_status(100).await?, "none");
    assert_eq!(people.page_status(1).await?, "paymentApproved");
    people.api.get("/payments/1").await?.must_be_problem(503, "")?;
    people.assign(1).await?.must_be(201)?;
    // A match is cancelled also while nobody can pay back: that comes later.
    people.cancel(1).await?.must_be(200)?;
    fleet.start("payment").await?;
    eventually(LATER, "it is paid back", async || {
        let found = (people.payment_action(1).await?, people.match_status(1).await?);
        ensure!(found == ("Canceled".into(), "visitCanceled".into()), "{found:?}");
        Ok(())
    })
    .await?;
    let ids: Vec<i64> = told.iter().filter(|(_, outcome)| **outcome == Outcome::Refused).map(|(id, _)| *id).collect();
    for id in ids {
        eventually(LATER, "the breaker closes", async || people.request(id).await?.must_be(201)).await?;
    }
    Ok(())
}

pub async fn without_visit_and_mypage_matches_are_requested_and_cancelled_and_both_catch_up(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    fleet.kill("visit").await?;
    fleet.kill("mypage").await?;
    let mut told: Outcomes = request_all(&people, 8, 1..=100).await?;
    people.api.get("/visitReqLists").await?.must_be_problem(503, "")?;
    people.api.get("/myPages/1").await?.must_be_problem(503, "")?;
    request_all(&people, 8, 1001..=1010).await?;
    for id in 1001..=1010 {
        people.cancel(id).await?.must_be(200)?;
    }
    eventually(SOON, "they are paid back", async || {
        let status = people.match_status(1010).await?;
        ensure!(status == "paymentCanceled", "{status}");
        Ok(())
    })
    .await?;
    fleet.start("visit").await?;
    fleet.start("mypage").await?;
    fleet.settled(LATER).await?;
    let listed = people.listed().await?;
    ensure!(listed.keys().eq(told.keys()), "{} are listed", listed.len());
    for id in 1001..=1010 {
        assert_eq!(people.page_status(id).await?, "paymentCanceled");
    }
    for id in 1..=100 {
        assert_eq!(people.page_status(id).await?, "paymentApproved");
        told.remove(&id);
    }
    ensure!(told.is_empty(), "{told:?}");
    Ok(())
}
