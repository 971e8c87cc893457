//! Events that arrive late, or in another order.

use anyhow::{Result, ensure};
use cook_contract::{CookEvent, CookStarted, Cooked};
use foodcourt_tests::{LATER, People};
use testkit::{Fleet, Forger, eventually};

pub async fn cooked_that_overtakes_everything_ends_in_the_same_state(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.order(1).await?.must_be(201)?;
    people.take_soon(1).await?;
    people.finish(1).await?.must_be(200)?;
    people.shows("/views/1", &[("status", "cooked")]).await?;
    // The same records again, as after a lost acknowledgement, in the opposite order.
    let topics = fleet.topics();
    let mut again = topics.events("cook").await?;
    again.reverse();
    topics.say("cook", &again).await?;
    // And an order whose end is known before its beginning.
    let forger = Forger::default();
    let early = [
        forger.event(&CookEvent::from(Cooked { order_id: 7, shop_id: 2 }))?,
        forger.event(&CookEvent::from(CookStarted { order_id: 7, shop_id: 2 }))?,
    ];
    topics.say("cook", &early).await?;
    people.shows("/views/7", &[("status", "cooked")]).await?;
    eventually(LATER, "it is announced", async || {
        let alarms = people.all("/alarms").await?;
        ensure!(alarms.len() == 2, "{alarms:?}");
        Ok(())
    })
    .await?;
    fleet.settled(LATER).await?;
    for path in ["/views/1", "/views/7"] {
        people.shows(path, &[("cookStatus", "cooked")]).await?;
    }
    people.becomes(1, "cooked").await
}
