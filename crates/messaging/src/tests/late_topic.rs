//! The consumer on a real broker, when `FLOTILLA_TEST_KAFKA` names one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use test_stores::eventually;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::on_kafka;
use super::tally::counted;
use crate::inbound::batch::BatchProcessor;
use crate::inbound::consumer::Consumer;
use crate::kafka::admission::Admission;
use crate::kafka::broker::KafkaBroker;
use crate::kafka::client::client;
use crate::kafka::consumer_group::CurrentConsumer;
use crate::kafka::producer::send_once;
use crate::kafka::topics::Topics;

/// Half of librdkafka's refresh interval, after which every topic is found in any case.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_topic_that_is_created_after_the_start_of_the_consumer_is_consumed_soon() {
    on_kafka(async |process, ids| {
        let (topic, other) = (process.config.topic("counter"), process.config.topic("reader"));
        let rounds = Arc::new(AtomicU32::new(0));
        let beats = Arc::clone(&rounds);
        let consumer = Consumer {
            processor: BatchProcessor {
                heartbeat: Arc::new(move || {
                    beats.fetch_add(1, Ordering::SeqCst);
                }),
                ..process.processor()
            },
            ids,
            topics: vec![other.clone(), topic.clone()],
            broker: Arc::new(
                KafkaBroker::new(
                    Topics::new(&process.config, [other.clone()].into(), Admission::default()),
                    CurrentConsumer::default(),
                )
                .unwrap(),
            ),
        };
        let stop = CancellationToken::new();
        let (stopping, running) = (stop.clone(), tokio::spawn(async move { consumer.run(&stop).await }));
        eventually("it polls topics that do not exist", async || rounds.load(Ordering::SeqCst) > 2).await;
        let created = Topics::new(&process.config, [topic.clone()].into(), Admission::default()).ensure().await;
        let sent = send_once(&process.config, &topic, &counted(0, "a", 1, 7)).await;
        let applied = timeout(SOON, eventually("the event is applied", async || process.total(1).await == 7)).await;
        stopping.cancel();
        running.await.unwrap();
        let admin: AdminClient<DefaultClientContext> = client(&process.config).unwrap().create().unwrap();
        admin.delete_topics(&[&topic, &other], &AdminOptions::new()).await.unwrap();
        assert!(
            (created.is_ok(), sent.is_ok(), applied.is_ok()) == (true, true, true),
            "{created:?} {sent:?} {applied:?}"
        );
    });
}
