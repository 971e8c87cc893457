//! The context customer, which is written in Python, keeps the same promises.

use anyhow::{Result, ensure};
use cleanmall_tests::{LATER, People, SOON};
use flotilla::redrive::{RedriveArgs, redrive};
use testkit::{CapturedOutput, Fleet, RawRecord, each, eventually};

use crate::assigning::finish_all;
use crate::story::has_messages;

pub async fn killed_in_mid_batch_again_and_again_it_writes_each_message_once(fleet: &mut Fleet) -> Result<()> {
    fleet.set("customer", "CONSUMER_BATCH", "5")?;
    fleet.set("customer", "CONSUMER_COMMIT_EVERY", "1m")?;
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for round in 0..3_i64 {
        let answers = each(100 * round + 1..=100 * round + 60, 8, async |call| people.call(call, None).await).await;
        for answer in answers {
            answer?.must_be(201)?;
        }
        fleet.kill("customer").await?;
        fleet.start("customer").await?;
    }
    people.assert_laws(fleet).await
}

pub async fn a_poison_record_is_a_dead_letter_until_it_is_sent_again(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    people.call(1, Some("seoul")).await?.must_be(201)?;
    has_messages(&people, 1, &["called", "managed", "assigned"]).await?;
    // What is no event at all stays a dead letter.
    let topics = fleet.topics();
    let no_event = RawRecord { key: "7".to_owned(), headers: Vec::new(), payload: b"\xff".to_vec() };
    topics.send("cleancall", vec![no_event]).await?;
    // The number of the next message is taken: the store refuses the message of the next call.
    let next = fleet.number("customer", "SELECT MAX(message_id) + 1 FROM messages").await?;
    let columns = "message_id, call_id, attempt, kind, content, written_at";
    let take = format!("INSERT INTO messages ({columns}) VALUES ({next}, 999, 1, 'called', 'x', 0)");
    fleet.alter("customer", &take).await?;
    people.call(2, Some("busan")).await?.must_be(201)?;
    eventually(SOON, "both records are dead letters", async || {
        let letters = topics.records("customer.dead-letters").await?.len();
        ensure!(letters == 2, "{letters} letters");
        Ok(())
    })
    .await?;
    fleet.alter("customer", "DELETE FROM messages WHERE call_id = 999").await?;
    people.call(3, Some("jeju")).await?.must_be(201)?;
    has_messages(&people, 3, &["called", "managed", "assigned"]).await?;
    ensure!(people.messages(2).await?.is_empty(), "the call 2 has no message yet");
    let lines = CapturedOutput::default();
    let typed = ["--context", "customer", "--all", "--json"];
    let all_handled = redrive(&fleet.operator::<RedriveArgs>(&typed)?, &lines.screen()).await?;
    ensure!(!all_handled, "the one that is no event is dead again: {}", lines.text());
    has_messages(&people, 2, &["called", "managed", "assigned"]).await?;
    ensure!(lines.text().contains("dead-again") && lines.text().contains("handled"), "{}", lines.text());
    fleet.settled(LATER).await
}

pub async fn it_is_rebuilt_from_the_topics(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let people = People::of(fleet)?;
    for call in 1..=5 {
        people.call(call, None).await?.must_be(201)?;
    }
    finish_all(&people, 1..=5).await?;
    people.assert_laws(fleet).await?;
    let operator = fleet.operated("customer")?;
    operator.post("/messaging/rebuild", &serde_json::json!({})).await?.must_be(202)?;
    for call in 1..=5 {
        has_messages(&people, call, &["called", "managed", "assigned", "finished"]).await?;
    }
    people.assert_laws(fleet).await
}
