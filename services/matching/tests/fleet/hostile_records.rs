//! Records of any bytes: none of them stops whoever reads a topic.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use audit::Journal;
use events::Envelope;
use flotilla::rebuild::{RebuildArgs, rebuild};
use flotilla::redrive::{RedriveArgs, redrive};
use flotilla::stop::Stop;
use flotilla::tail::{TailArgs, tail};
use matching_proof::FLEET;
use matching_tests::{People, SOON};
use payment_contract::{PaymentApproved, PaymentEvent};
use testkit::{CapturedOutput, Fleet, ForgedRecord, Forger, eventually};
use tokio::task::spawn_blocking;

/// The bytes that are no UTF-8: the client library panics at a header of this name.
const NO_TEXT: [u8; 2] = [0xff, 0xfe];

fn approved(match_id: i64) -> Result<Envelope> {
    Forger::default().event(&PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt: 1, price: 7 }))
}

fn forged(match_id: i64, change: impl Fn(&mut ForgedRecord)) -> Result<ForgedRecord> {
    let mut record = ForgedRecord::from(&approved(match_id)?);
    change(&mut record);
    Ok(record)
}

fn set(record: &mut ForgedRecord, header: &str, value: Option<&[u8]>) {
    let value = value.map(<[u8]>::to_vec);
    record.headers.iter_mut().filter(|(name, _)| name == header.as_bytes()).for_each(|(_, old)| old.clone_from(&value));
}

/// Events that are valid, whatever stands beside what is read of them.
fn good(topic: &str) -> Result<Vec<ForgedRecord>> {
    let odd = |name: &[u8], value: Option<&[u8]>| (name.to_vec(), value.map(<[u8]>::to_vec));
    Ok(vec![
        forged(1, |record| record.headers.insert(0, odd(&NO_TEXT, Some(&NO_TEXT))))?,
        forged(2, |record| record.headers.extend([odd(&NO_TEXT, None), odd(b"", None), odd(b"a\0b", Some(b""))]))?,
        forged(3, |record| record.headers.extend((0..5_000).map(|_| odd(&NO_TEXT, None))))?,
        forged(4, |record| record.timestamp = -1)?,
        // The key under which the consumer would remember the first of the records that follow.
        forged(5, |record| set(record, "ce_id", Some(format!("dead {topic}/0/5").as_bytes())))?,
    ])
}

/// Records that are no events, or are not what the contract says.
fn broken() -> Result<Vec<ForgedRecord>> {
    let nothing = ForgedRecord { key: None, headers: Vec::new(), payload: None, timestamp: 0 };
    let garbage = |bytes: Vec<u8>| ForgedRecord { payload: Some(bytes), ..nothing.clone() };
    let payload = |data: &'static str| move |record: &mut ForgedRecord| record.payload = Some(data.as_bytes().to_vec());
    Ok(vec![
        garbage(b"the first of those that follow".to_vec()),
        nothing.clone(),
        ForgedRecord { headers: vec![(NO_TEXT.to_vec(), None)], ..nothing.clone() },
        garbage((0..=255).collect()),
        forged(5000, |record| record.payload = None)?,
        forged(5000, |record| record.key = None)?,
        forged(5000, |record| record.key = Some(b"5001".to_vec()))?,
        forged(5000, |record| set(record, "ce_id", None))?,
        forged(5000, |record| set(record, "ce_id", Some(b"id\0")))?,
        forged(5000, |record| set(record, "ce_id", Some("x".repeat(3_000).as_bytes())))?,
        forged(5000, |record| set(record, "ce_subject", Some(&NO_TEXT)))?,
        forged(5000, |record| set(record, "ce_time", Some(b"yesterday")))?,
        forged(5000, payload(r#"{"matchId":-5,"attempt":1,"price":7}"#))?,
        forged(5000, payload(r#"{"matchId":5000,"attempt":1,"price":0}"#))?,
        forged(5000, payload(r#"{"matchId":5000,"attempt":1,"price":9007199254740992}"#))?,
        forged(5000, payload(r#"{"matchId":5000,"attempt":0.99999999999999999,"price":7}"#))?,
        forged(5000, payload(r#"{"matchId":6000,"attempt":1,"price":7}"#))?,
        forged(5000, payload("[5000,1,7]"))?,
    ])
}

pub async fn no_record_stops_whoever_reads_a_topic(fleet: &mut Fleet) -> Result<()> {
    fleet.start_all().await?;
    let (people, topics) = (People::of(fleet)?, fleet.topics());
    let (good, broken) = (good(&topics.name("payment"))?, broken()?);
    let records = [good.clone(), broken.clone()].concat();
    let codes = topics.forge("payment", 0, &records).await?;
    assert!(codes.iter().all(|code| *code == 0), "the broker has them all: {codes:?}");
    // A broker may refuse these.
    let times = [i64::MIN, i64::MAX].map(|timestamp| forged(6, |record| record.timestamp = timestamp));
    let times = times.into_iter().collect::<Result<Vec<_>>>()?;
    topics.forge("payment", 0, &times).await?;
    topics.forge("payment", 0, &[ForgedRecord::from(&approved(7000)?)]).await?;

    eventually(SOON, "the partition goes on", async || {
        let listed: BTreeSet<i64> = people.listed().await?.into_keys().collect();
        ensure!(listed.is_superset(&BTreeSet::from([1, 2, 3, 4, 5, 7000])), "{listed:?}");
        ensure!(!listed.contains(&5000) && !listed.contains(&6000) && !listed.contains(&-5), "{listed:?}");
        ensure!(people.page_status(7000).await? == "paymentApproved", "no page yet");
        Ok(())
    })
    .await?;
    for context in ["visit", "mypage"] {
        eventually(SOON, "each broken record is a dead letter", async || {
            let dead = topics.records(&format!("{context}.dead-letters")).await?.len();
            ensure!(dead == broken.len(), "{context} has {dead} dead letters of {}", broken.len());
            Ok(())
        })
        .await?;
    }
    operators_read_them_too(fleet, broken.len()).await
}

async fn operators_read_them_too(fleet: &Fleet, broken: usize) -> Result<()> {
    let (lines, errors) = (CapturedOutput::default(), CapturedOutput::default());
    let typed = ["--from-beginning", "--no-follow", "--json"];
    tail(&fleet.operator::<TailArgs>(&typed)?, &lines.screen(), &errors.screen(), &Stop::default()).await?;
    assert!(lines.json()?.iter().any(|event| event["subject"] == "7000"), "{}", lines.text());
    assert!(errors.text().lines().count() > 5 && !errors.text().contains('\0'), "{}", errors.text());

    let settings = fleet.broker();
    let journal = spawn_blocking(move || Journal::read(&settings, &FLEET.context_names())).await??;
    assert!(!journal.history(7000).is_empty() && journal.unresolved_letters().len() >= 2 * broken);

    let lines = CapturedOutput::default();
    redrive(&fleet.operator::<RedriveArgs>(&["--json"])?, &lines.screen()).await?;
    assert!(lines.json()?.len() >= 2 * broken, "{}", lines.text());
    rebuild(&fleet.operator::<RebuildArgs>(&["mypage"])?, &lines.screen()).await?;
    assert_eq!(People::of(fleet)?.page_status(7000).await?, "paymentApproved");
    Ok(())
}
