//! The consumer on a real broker, when `FLOTILLA_TEST_KAFKA` names one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ambient::{Ids, SystemClock};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use test_stores::{eventually, on_sqlite};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Process;
use super::tally::counted;
use crate::admission::Admission;
use crate::batch::Batches;
use crate::consumer::Consumer;
use crate::kafka::{Kafka, Topics, client, send};
use crate::member::Current;

/// The variable that names a Kafka, such as `127.0.0.1:9092`.
const SERVER: &str = "FLOTILLA_TEST_KAFKA";

/// Half of librdkafka's refresh interval, after which every topic is found in any case.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_topic_that_is_created_after_the_consumer_began_is_heard_soon() {
    let Ok(brokers) = std::env::var(SERVER) else {
        eprintln!("left out: a test on Kafka, as {SERVER} is not set");
        return;
    };
    on_sqlite(async |place| {
        let mut process = Process::on(place).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        process.config.kafka_brokers.clone_from(&brokers);
        process.config.fleet = format!("flotilla-test-{:x}", ids.number());
        let (topic, other) = (process.config.topic("counter"), process.config.topic("reader"));
        let rounds = Arc::new(AtomicU32::new(0));
        let beats = Arc::clone(&rounds);
        let consumer = Consumer {
            batches: Batches {
                beat: Arc::new(move || {
                    beats.fetch_add(1, Ordering::SeqCst);
                }),
                ..process.batches()
            },
            ids,
            listen: vec![other.clone(), topic.clone()],
            broker: Arc::new(
                Kafka::new(Topics::new(&process.config, vec![other.clone()], Admission::default()), Current::default())
                    .unwrap(),
            ),
        };
        let stop = CancellationToken::new();
        let (stopping, running) = (stop.clone(), tokio::spawn(async move { consumer.run(&stop).await }));
        eventually("it listens to what is not there", async || rounds.load(Ordering::SeqCst) > 2).await;
        let created = Topics::new(&process.config, vec![topic.clone()], Admission::default()).ensure().await;
        let sent = send(&process.config, &topic, &counted(0, "a", 1, 7)).await;
        let heard = timeout(SOON, eventually("it hears", async || process.total(1).await == 7)).await;
        stopping.cancel();
        running.await.unwrap();
        let admin: AdminClient<DefaultClientContext> = client(&process.config).unwrap().create().unwrap();
        admin.delete_topics(&[&topic, &other], &AdminOptions::new()).await.unwrap();
        assert!((created.is_ok(), sent.is_ok(), heard.is_ok()) == (true, true, true), "{created:?} {sent:?} {heard:?}");
    });
}
