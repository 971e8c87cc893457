//! Held, paid and established, or none of the three: whichever process dies or is late.

use std::time::Duration;

use anyhow::{Result, ensure};
use storagerent_tests::{People, SOON};
use testkit::{Fleet, Simulator, each, eventually};
use tokio::time::sleep;

/// Requests that are under way at the same time. Below the calls that the breaker needs before it judges.
const AT_ONCE: i64 = 8;

/// Rooms with the numbers of the reservations that will be requested.
async fn register(people: &People, rooms: std::ops::Range<i64>) -> Result<()> {
    for answer in each(rooms, 8, async |room| people.register(room).await).await {
        answer?.must_be(201)?;
    }
    Ok(())
}

pub async fn reservation_dies_between_holding_paying_establishing_and_answering(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    provider.takes(fleet, 500).await?;
    // While payment takes its time, and when it has approved some of them.
    for (round, paid) in [(1, false), (2, true), (3, true)] {
        let ids = 100 * round..100 * round + AT_ONCE;
        register(&people, ids.clone()).await?;
        let (customers, requested) = (people.clone(), ids.clone());
        let requests =
            tokio::spawn(async move { each(requested, 64, async |id| customers.reserve(id, id).await).await });
        eventually(SOON, "all rooms are held, or some are paid", async || {
            let held = fleet.number("storage", "SELECT COUNT(*) FROM holds WHERE state = 'held'").await?;
            let first = ids.start;
            let sql = format!("SELECT COUNT(*) FROM payments WHERE reservation_id >= {first}");
            let payments = fleet.number("payment", &sql).await?;
            ensure!(if paid { payments > 0 } else { held == AT_ONCE }, "{held} are held, {payments} are paid");
            Ok(())
        })
        .await?;
        fleet.kill("reservation").await?;
        requests.await?;
        fleet.start("reservation").await?;
        people.assert_laws(fleet).await?;
    }
    provider.approves_at_once(fleet).await?;
    // All ids are good for a reservation again.
    for id in [100, 200, 300] {
        eventually(SOON, "it is reserved", async || {
            let answer = people.reserve(id, id).await?;
            ensure!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
            Ok(())
        })
        .await?;
    }
    people.assert_laws(fleet).await
}

pub async fn payment_approves_after_the_time_limit(fleet: &mut Fleet) -> Result<()> {
    let provider = Simulator::of(fleet, "payment")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    register(&people, 1..AT_ONCE).await?;
    provider.takes(fleet, 900).await?;
    for answer in each(1..AT_ONCE, 64, async |id| people.reserve(id, id).await).await {
        let answer = answer?.must_be_problem(503, "")?;
        ensure!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    }
    // The charge ends after its cancellation.
    sleep(Duration::from_millis(900)).await;
    people.assert_laws(fleet).await?;
    for room in 1..AT_ONCE {
        people.room_becomes(room, "available").await?;
    }
    provider.approves_at_once(fleet).await?;
    eventually(SOON, "the same id can be requested again", async || people.reserve(1, 1).await?.must_be(201)).await?;
    people.assert_laws(fleet).await
}

pub async fn the_reply_of_storage_to_a_hold_is_lost(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.register(1).await?.must_be(201)?;
    // Storage receives the hold, and executes it after its caller has given up.
    fleet.pause("storage")?;
    people.reserve(5, 1).await?.must_be_problem(503, "")?;
    fleet.resume("storage")?;
    people.room_becomes(1, "available").await?;
    people.assert_laws(fleet).await?;
    assert_eq!(people.all("/payments").await?.len(), 0, "nothing is paid");
    eventually(SOON, "the room can be reserved", async || people.reserve(5, 1).await?.must_be(201)).await?;
    people.assert_laws(fleet).await
}
