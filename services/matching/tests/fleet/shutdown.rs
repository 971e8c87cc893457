//! SIGTERM: what was taken on is finished.

use std::time::Duration;

use anyhow::{Result, ensure};
use matching_tests::{Load, Outcome, People, SOON, is_sound};
use testkit::{Fleet, Simulator, eventually};

pub async fn a_request_in_flight_is_answered_and_the_process_ends_in_order(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    // So long it goes on taking connections though it says that it is not ready.
    fleet.set("match", "DRAIN_DELAY", "500ms")?;
    fleet.start_all().await?;
    let people = People { api: fleet.api("match")? };
    provider.takes(fleet, 600).await?;
    for process in ["match", "payment"] {
        let (people, id) = (people.clone(), if process == "match" { 5000 } else { 6000 });
        let asked = tokio::spawn(async move { people.request(id).await });
        eventually(SOON, "payment is asked", async || {
            let pending = fleet.number("match", "SELECT COUNT(*) FROM matches WHERE phase = 'pending'").await?;
            ensure!(pending == 1, "not yet");
            Ok(())
        })
        .await?;
        fleet.terminate(process)?;
        if process == "match" {
            eventually(SOON, "it is not ready", async || fleet.api("match")?.get("/readyz").await?.must_be(503))
                .await?;
        }
        asked.await??.must_be(201)?;
        let status = fleet.stop(process).await?;
        ensure!(status.success(), "{process} ended with {status}");
        fleet.start(process).await?;
    }
    let told = [5000, 6000].map(|id| (id, Outcome::Established)).into();
    is_sound(fleet, SOON, &told).await
}

pub async fn open_live_streams_end_and_do_not_hold_up_the_end(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.request(5000).await?.must_be(201)?;
    eventually(SOON, "there is a page", async || people.api.get("/myPages/5000").await?.must_be(200)).await?;
    for name in ["mypage", "gateway"] {
        let mut live = fleet.api(name)?.follow("/myPages/5000/events", None).await?;
        ensure!(live.next(SOON).await?.is_some(), "the stream is empty");
        let stop = fleet.stop("mypage");
        let ended = async {
            while live.next(Duration::from_secs(10)).await?.is_some() {}
            anyhow::Ok(())
        };
        let (status, ended) = tokio::join!(stop, ended);
        ended?;
        ensure!(status?.success(), "mypage did not end in order");
        fleet.start("mypage").await?;
    }
    Ok(())
}

pub async fn every_process_ends_in_order_under_load_and_nothing_is_lost(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let mut told = matching_tests::Outcomes::new();
    for (round, name) in ["match", "payment", "visit", "mypage", "gateway"].into_iter().enumerate() {
        let load = Load::begin(&People::of(fleet)?, 8, 1 + 1_000_000 * i64::try_from(round)?..=i64::MAX);
        load.goes_on(100).await?;
        let status = fleet.stop(name).await?;
        ensure!(status.success(), "{name} ended with {status}");
        fleet.start(name).await?;
        load.goes_on(50).await?;
        told.extend(load.end().await?);
    }
    is_sound(fleet, SOON, &told).await
}
