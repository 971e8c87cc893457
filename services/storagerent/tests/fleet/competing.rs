//! Many customers of one room: one reserves it and pays.

use anyhow::{Result, ensure};
use storagerent_tests::{LATER, People, SOON};
use testkit::{Fleet, each, eventually};

/// Requests at the same time.
const AT_ONCE: usize = 64;

pub async fn of_a_thousand_customers_of_one_room_one_reserves_it_and_pays(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.register(1).await?.must_be(201)?;
    let answers = each(1..=1_000, AT_ONCE, async |reservation| people.reserve(reservation, 1).await).await;
    let answers: Vec<u16> = answers.into_iter().map(|answer| Ok(answer?.status)).collect::<Result<_>>()?;
    ensure!(answers.iter().filter(|status| **status == 201).count() == 1, "{answers:?}");
    ensure!(answers.iter().all(|status| matches!(status, 201 | 409 | 503)), "{answers:?}");
    people.room_becomes(1, "reserved").await?;
    people.assert_laws(fleet).await?;
    let payments = people.all("/payments").await?;
    ensure!(payments.len() == 1, "{payments:?}");
    let messages = people.all("/messages").await?;
    ensure!(messages.len() == 1, "{messages:?}");
    Ok(())
}

/// In each round a hundred customers compete for a room while a replica of each context that takes part is killed and
/// restarted.
pub async fn ten_rounds_of_competition_while_processes_are_killed_have_one_winner_each(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    let mut killed: Vec<String> = ["reservation", "storage", "payment"].map(str::to_owned).to_vec();
    for context in ["reservation", "storage"] {
        killed.push(fleet.replicate(context).await?);
    }
    for round in 1..=10_i64 {
        eventually(SOON, "the room is registered", async || {
            let answer = people.register(round).await?;
            ensure!(matches!(answer.status, 200 | 201), "{}", answer.status);
            Ok(())
        })
        .await?;
        let customers = 1_000 * round + 1..=1_000 * round + 100;
        let compete = each(customers.clone(), AT_ONCE, async |reservation| people.reserve(reservation, round).await);
        let victim = killed[usize::try_from(round)? % killed.len()].clone();
        let (_, death) = tokio::join!(compete, async {
            fleet.kill(&victim).await?;
            fleet.start(&victim).await
        });
        death?;
        // A customer whose outcome is unknown requests the same again, until one of them has the room.
        eventually(LATER, "one of them has the room", async || {
            let room = people.storage_status(round).await?;
            if room == "reserved" {
                return Ok(());
            }
            people.reserve(*customers.start(), round).await?;
            anyhow::bail!("the room is {room}")
        })
        .await?;
    }
    people.assert_laws(fleet).await
}
