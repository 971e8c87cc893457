//! Events that arrive late.

use anyhow::{Context as _, Result};
use serde_json::Value;
use storagerent_tests::People;
use testkit::Fleet;

/// The events of the first reservation of a room are delivered again while a second one has it.
pub async fn events_of_an_earlier_reservation_change_nothing_of_a_later_one(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.register(1).await?.must_be(201)?;
    people.reserve(5, 1).await?.must_be(201)?;
    people.becomes(5, "reserved").await?;
    people.cancel(5).await?.must_be(200)?;
    people.becomes(5, "cancelled").await?;
    people.room_becomes(1, "available").await?;
    people.reserve(6, 1).await?.must_be(201)?;
    people.room_becomes(1, "reserved").await?;
    let topics = fleet.topics();
    for context in ["reservation", "payment"] {
        let events = topics.events(context).await?;
        let first = events.into_iter().filter(|event| event.subject == "5");
        // The same records again, as after a lost acknowledgement, in the opposite order.
        let mut again: Vec<_> = first.collect();
        again.reverse();
        topics.say(context, &again).await?;
    }
    fleet.settled(storagerent_tests::LATER).await?;
    assert_eq!(people.storage_status(1).await?, "reserved");
    assert_eq!(people.reservation_status(6).await?, "reserved");
    let page: Value = people.api.get("/storageviews/1").await?.must_be(200)?.body;
    assert_eq!(page["reservationId"].as_i64().context("a reservation")?, 6);
    people.assert_laws(fleet).await
}
