//! Events that arrive in another order than they happened, or that nobody can read.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use flotilla::redrive::{RedriveArgs, redrive};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use matching_tests::{People, SOON};
use messaging::admin;
use payment_contract::{PaymentApproved, PaymentEvent};
use testkit::{CapturedOutput, Fleet, Forger, RawRecord, eventually};

fn canceled(id: i64) -> MatchEvent {
    MatchEvent::MatchCanceled(MatchCanceled { id, attempt: 1 })
}

fn approved(match_id: i64) -> PaymentEvent {
    PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt: 1, price: 7 })
}

/// Waits until a context has applied so many events.
async fn applied(fleet: &Fleet, context: &str, events: f64) -> Result<()> {
    eventually(SOON, "the events are applied", async || {
        let applied = fleet.metric(context, "consumer_events_total", &[("outcome", "applied")]).await?;
        ensure!(applied >= events, "{context} has applied {applied} of {events}");
        Ok(())
    })
    .await
}

pub async fn a_cancellation_overtakes_the_payment_on_its_way_to_visit(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (people, topics, forger) = (People::of(fleet)?, fleet.topics(), Forger::default());
    let overtaken = 1..=50_i64;
    let cancellations = overtaken.clone().map(|id| forger.event(&canceled(id))).collect::<Result<Vec<_>>>()?;
    topics.say("match", &cancellations).await?;
    applied(fleet, "visit", 50.0).await?;
    // And one that is not cancelled, by which is seen that the others have been read.
    let payments = overtaken.chain([1000]).map(|id| forger.event(&approved(id))).collect::<Result<Vec<_>>>()?;
    topics.say("payment", &payments).await?;
    eventually(SOON, "all payments are read", async || {
        let listed: Vec<i64> = people.listed().await?.into_keys().collect();
        // Not even for a moment.
        assert!(listed.iter().all(|id| *id == 1000), "listed: {listed:?}");
        ensure!(listed == [1000], "{listed:?}");
        fleet.settled(SOON).await
    })
    .await?;
    applied(fleet, "visit", 101.0).await?;
    for id in [1, 25, 50] {
        people.assign(id).await?.must_be_problem(409, "cancelled")?;
    }
    let listed: Vec<i64> = people.listed().await?.into_keys().collect();
    assert_eq!(listed, [1000]);
    Ok(())
}

pub async fn an_event_that_is_delivered_again_and_again_is_applied_once(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (people, topics, forger) = (People::of(fleet)?, fleet.topics(), Forger::default());
    let payment = forger.event(&approved(1))?;
    for _ in 0..5 {
        topics.say("payment", &vec![payment.clone(); 20]).await?;
    }
    topics.say("payment", &[forger.event(&approved(2))?]).await?;
    eventually(SOON, "both are listed", async || {
        ensure!(people.listed().await?.len() == 2, "not yet");
        Ok(())
    })
    .await?;
    fleet.settled(SOON).await?;
    let count = async |outcome| fleet.metric("visit", "consumer_events_total", &[("outcome", outcome)]).await;
    assert_eq!((count("applied").await?, count("repeated").await?), (2.0, 99.0));
    Ok(())
}

pub async fn what_nobody_can_read_becomes_a_dead_letter_and_the_rest_goes_on(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (people, topics, forger) = (People::of(fleet)?, fleet.topics(), Forger::default());
    let raw = |change: &dyn Fn(&mut RawRecord)| {
        // All of one key, hence in one partition: the good one comes after them.
        let mut raw = RawRecord::from(&forger.event(&approved(5000))?);
        change(&mut raw);
        anyhow::Ok(raw)
    };
    let kind = b"PaymentDoubted".to_vec();
    let newer = r#"{"matchId":5000,"attempt":1,"price":7,"currency":{"code":"KRW"}}"#;
    let records = vec![
        // No event at all; an event without its id; one whose data is not what its type says; not even UTF-8.
        RawRecord { key: "5000".to_owned(), headers: Vec::new(), payload: b"hello".to_vec() },
        raw(&|raw| raw.headers.retain(|(name, _)| *name != "ce_id"))?,
        raw(&|raw| raw.payload = br#"{"matchId":"x"}"#.to_vec())?,
        raw(&|raw| raw.payload = vec![0xff, 0x00])?,
        // Two that a newer version says: of a type that nobody knows, and with one more field.
        raw(&|raw| raw.headers.iter_mut().filter(|h| h.0 == "ce_type").for_each(|h| h.1.clone_from(&kind)))?,
        raw(&|raw| raw.payload = newer.into())?,
    ];
    topics.send("payment", records).await?;
    eventually(SOON, "the partition goes on", async || {
        let listed = people.listed().await?;
        ensure!(listed.contains_key(&5000), "{listed:?}");
        ensure!(people.page_status(5000).await? == "paymentApproved", "no page yet");
        Ok(())
    })
    .await?;
    for context in ["visit", "mypage"] {
        let letters = letters(fleet, context, 4).await?;
        let reasons: BTreeSet<String> = letters.iter().map(|letter| letter.reason.clone()).collect();
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
        assert_eq!(reasons.len(), 4, "{reasons:?}");
        for word in ["ce_specversion", "ce_id", "PaymentApproved: ", "the data is not UTF-8"] {
            assert!(reasons.iter().any(|reason| reason.contains(word)), "{context}: none says {word}: {reasons:?}");
        }
        let dead = fleet.metric(context, "consumer_events_total", &[("outcome", "dead")]).await?;
        assert!((dead - 4.0).abs() < f64::EPSILON, "{dead}");
    }
    Ok(())
}

pub async fn an_event_that_no_store_could_keep_becomes_a_dead_letter_and_the_rest_goes_on(
    fleet: &mut Fleet,
) -> Result<()> {
    fleet.start_all().await?;
    let (people, topics, forger) = (People::of(fleet)?, fleet.topics(), Forger::default());
    let assigned = visit_contract::VisitAssigned {
        match_id: 5000,
        attempt: 1,
        teacher: "a b".to_owned(),
        visit_date: "2027-01-21".to_owned(),
        tutor: None,
    };
    // PostgreSQL can store no NUL in a text, so the contract allows none.
    let mut nul = forger.event(&visit_contract::VisitEvent::VisitAssigned(assigned))?;
    nul.data = nul.data.replace("a b", "a\\u0000b");
    topics.say("visit", &[nul]).await?;
    let requested = MatchEvent::MatchRequested(MatchRequested { id: 5000, attempt: 1, price: 7, student: None });
    topics.say("match", &[forger.event(&requested)?]).await?;
    let after = visit_contract::VisitCanceled { match_id: 5000, attempt: 1 };
    topics.say("visit", &[forger.event(&visit_contract::VisitEvent::VisitCanceled(after))?]).await?;
    eventually(SOON, "the partition goes on", async || {
        let status = people.page_status(5000).await?;
        ensure!(status == "visitCanceled", "{status}");
        Ok(())
    })
    .await?;
    let page = people.find("/myPages", 5000).await?.unwrap_or_default();
    assert!(page["teacher"].is_null(), "{page}");
    let letters = letters(fleet, "mypage", 1).await?;
    assert!(letters[0].reason.contains("U+0000") && letters[0].attempts == 1, "{letters:?}");
    Ok(())
}

/// A record is as long as the broker takes it; its letter is not.
pub async fn long_records_become_small_dead_letters_and_events_are_published_meanwhile(
    fleet: &mut Fleet,
) -> Result<()> {
    const RECORDS: usize = 40;
    const LIMIT: usize = 64 * 1024;
    fleet.start_all().await?;
    let (people, topics, forger) = (People::of(fleet)?, fleet.topics(), Forger::default());
    let long = format!(r#"{{"matchId":"{}","attempt":1,"price":7}}"#, "9".repeat(520_000));
    let records = (0..RECORDS).map(|_| {
        let mut raw = RawRecord::from(&forger.event(&approved(6000))?);
        raw.payload = long.clone().into_bytes();
        anyhow::Ok(raw)
    });
    topics.send("payment", records.collect::<Result<Vec<_>>>()?).await?;
    people.request(5000).await?.must_be(201)?;
    eventually(SOON, "the events of others are published", async || {
        ensure!(people.page_status(5000).await? == "paymentApproved", "no page yet");
        Ok(())
    })
    .await?;
    for context in ["visit", "mypage"] {
        for letter in letters(fleet, context, RECORDS).await? {
            assert!(letter.truncated && letter.reason.chars().count() < 300, "{}", letter.reason);
            assert_eq!((&letter.place.topic, letter.key().as_str()), (&topics.name("payment"), "6000"));
        }
        let records = topics.records(&format!("{context}.dead-letters")).await?;
        let longest = records.iter().map(|record| record.payload.as_ref().map_or(0, Vec::len)).max();
        assert!(longest <= Some(LIMIT), "{longest:?}");
        let status = fleet.status(context).await?;
        assert_eq!((status.outbox_depth, status.refused_events), (0, 0), "{context}");
    }
    // What is sent again is the record and not its beginning: so it is dead again for the same reason.
    let place = &letters(fleet, "mypage", RECORDS).await?[0].place;
    let typed = ["--context", "mypage", "--letter", &place.to_string(), "--json"];
    let lines = CapturedOutput::default();
    redrive(&fleet.operator::<RedriveArgs>(&typed)?, &lines.screen()).await?;
    let told = lines.json()?;
    assert_eq!(told[0]["outcome"], "dead-again", "{told:?}");
    let again = topics.records("payment").await?.into_iter().find(|record| admin::redriven_for(record).is_some());
    let again = again.context("it was sent again")?;
    assert!(again.payload.as_deref() == Some(long.as_bytes()), "another record was sent");
    Ok(())
}

/// Waits until a context has so many dead letters, and gives them.
async fn letters(fleet: &Fleet, context: &str, count: usize) -> Result<Vec<messaging::DeadLetter>> {
    let topics = fleet.topics();
    let letters = eventually(SOON, "the dead letters are there", async || {
        let records = topics.records(&format!("{context}.dead-letters")).await?;
        ensure!(records.len() == count, "{} of {count}", records.len());
        Ok(records)
    });
    let entries = letters.await?;
    let letter = |record| match messaging::LetterEntry::read(record) {
        Some(messaging::LetterEntry::Dead(letter)) => letter,
        other => panic!("no dead letter: {other:?}"),
    };
    Ok(entries.iter().map(letter).collect())
}
