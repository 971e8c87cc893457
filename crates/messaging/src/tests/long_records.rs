//! Long records on a real broker, when `FLOTILLA_TEST_KAFKA` names one.

use std::collections::BTreeSet;
use std::sync::Arc;

use ambient::{Clock as _, SystemClock};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use test_stores::eventually;
use tokio::task::spawn_blocking;

use super::relay::Running;
use super::{Counter, Process, on_kafka};
use crate::admin::{From, Reader, RedriveError, dead_letters, redrive};
use crate::kafka::admission::Admission;
use crate::kafka::broker::KafkaBroker;
use crate::kafka::client::client;
use crate::kafka::consumer_group::CurrentConsumer;
use crate::kafka::producer::send_once;
use crate::kafka::topics::Topics;
use crate::outbound::refused;
use crate::outbound::relay::Relay;
use crate::{Config, Outbox, Record, RecordPosition, StagedEvents};

const RECORDS: usize = 40;

/// The record of an event that violates its contract by a text of 520 KB.
fn long() -> Record {
    let mut record = super::tally::counted(0, "a", 7, 1);
    record.payload = Some(format!("{{\"id\":\"{}\"}}", "9".repeat(520_000)).into_bytes());
    record
}

async fn all(config: &Config, topic: &str) -> Vec<Record> {
    let (config, topic) = (config.clone(), topic.to_owned());
    spawn_blocking(move || Reader::new(&config, &[topic], From::Beginning).unwrap().rest().unwrap()).await.unwrap()
}

async fn commit_note(process: &Process, text: String) {
    let mut pending = StagedEvents::default();
    process.outbox.stage(&mut pending, &Counter::Noted(text), None).unwrap();
    process.outbox.commit(process.store.begin().await.unwrap(), pending).await.unwrap();
}

#[test]
fn long_records_become_small_letters_and_too_large_events_are_set_aside_while_the_others_are_published() {
    on_kafka(async |mut process, ids| {
        let config = process.config.clone();
        process.outbox = Outbox::new(&process.store, &config, "reader", process.clock.clone(), Arc::clone(&ids));
        let (source, letters, own) =
            (config.topic("counter"), config.dead_letter_topic("reader"), config.topic("reader"));
        let names = BTreeSet::from([source.clone(), letters.clone(), own.clone()]);
        let topics = Topics::new(&config, names.clone(), Admission::default());
        topics.ensure().await.unwrap();
        let admin: AdminClient<DefaultClientContext> = client(&config).unwrap().create().unwrap();
        // This topic accepts less than the client assumes.
        let smaller = AlterConfig::new(ResourceSpecifier::Topic(&own)).set("max.message.bytes", "100000");
        admin.alter_configs([&smaller], &AdminOptions::new()).await.unwrap();

        for _ in 0..RECORDS {
            send_once(&config, &source, &long()).await.unwrap();
        }
        let records = all(&config, &source).await;
        assert_eq!(process.processor().process(records).await.dead, RECORDS);
        commit_note(&process, "x".repeat(300_000)).await;
        process.commit_counts(1, [1]).await;
        let relay = Relay {
            store: process.store.clone(),
            outbox: process.outbox.clone(),
            publisher: Arc::new(KafkaBroker::new(topics, CurrentConsumer::default()).unwrap()),
            config: config.clone(),
            source: "/test/reader".to_owned(),
            trace_links: process.trace_links.clone(),
        };
        let _relay = Running::of(relay);
        eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;

        let written = all(&config, &letters).await;
        assert_eq!(written.len(), RECORDS);
        assert!(written.iter().all(|record| record.payload.as_ref().is_some_and(|data| data.len() <= 64 * 1024)));
        assert_eq!(all(&config, &own).await.len(), 1, "the small event is published");
        let aside = refused::list(&process.store).await.unwrap();
        assert_eq!((aside.len(), aside[0].kind.as_str(), aside[0].refusals), (1, "Noted", 2), "{aside:?}");
        assert!(aside[0].reason.contains("too large"), "{aside:?}");

        let open = {
            let config = config.clone();
            spawn_blocking(move || dead_letters(&config, "reader"))
        };
        let mut open = open.await.unwrap().unwrap();
        assert_eq!(open.len(), RECORDS);
        let letter = open.remove(0);
        assert!(letter.truncated);
        let sent = redrive(&config, "reader", &letter, &ids, SystemClock.now()).await.unwrap();
        let again = all(&config, &source).await.into_iter().find(|record| record.place == sent).unwrap();
        assert!(again.payload == long().payload, "it is the whole record");
        let mut gone = letter;
        gone.place = RecordPosition { offset: 1_000_000, ..gone.place };
        let refusal = redrive(&config, "reader", &gone, &ids, SystemClock.now()).await.unwrap_err();
        assert!(matches!(&refusal, RedriveError::Gone(place) if *place == gone.place), "{refusal}");

        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        admin.delete_topics(&names, &AdminOptions::new()).await.unwrap();
        spawn_blocking(move || drop(admin)).await.unwrap();
    });
}
