use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use tokio::sync::Mutex;

use crate::relay::{PublishError, Publisher, Wave};
use crate::{Config, Place, Record};

/// How long a request to create topics may take.
const ADMIN_LIMIT: Duration = Duration::from_secs(10);

/// What every client of the broker has in common.
pub(crate) fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        // A broker that comes back is found soon.
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("socket.nagle.disable", "true");
    config
}

/// Publishes through an idempotent producer that waits for all in-sync copies.
pub(crate) struct KafkaPublisher {
    brokers: String,
    /// Replaced after a fatal error, from which librdkafka does not recover.
    producer: Mutex<FutureProducer>,
}

impl KafkaPublisher {
    pub(crate) fn new(brokers: &str) -> Result<Self, KafkaError> {
        Ok(Self { brokers: brokers.to_owned(), producer: Mutex::new(producer(brokers)?) })
    }

    async fn replace_if_fatal(&self) {
        let mut producer_slot = self.producer.lock().await;
        if producer_slot.client().fatal_error().is_none() {
            return;
        }
        match producer(&self.brokers) {
            Ok(fresh) => {
                let broken = std::mem::replace(&mut *producer_slot, fresh);
                // Dropping it blocks.
                drop(tokio::task::spawn_blocking(move || drop(broken)));
            }
            Err(error) => tracing::error!(%error, "no new producer"),
        }
    }
}

fn producer(brokers: &str) -> Result<FutureProducer, KafkaError> {
    client(brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // The relay gathers already.
        .set("linger.ms", "0")
        // Never give up: an event that timed out here might still arrive, and a later one of its key before it.
        .set("message.timeout.ms", "0")
        .set("compression.type", "none")
        .create()
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>> {
        let producer = self.producer.lock().await.clone();
        let sent = wave.events.iter().map(|(topic, envelope)| {
            let headers = envelope.headers();
            let headers = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
                all.insert(Header { key, value: Some(value.as_bytes()) })
            });
            let record = FutureRecord::to(topic).key(&envelope.subject).payload(&envelope.data).headers(headers);
            producer.send_result(record).map_err(|(error, _)| error)
        });
        // Collected first: all are under way before the first is awaited.
        let sent: Vec<_> = sent.collect();
        let outcomes = join_all(sent.into_iter().map(async |delivery| match delivery {
            Ok(delivery) => match delivery.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err((error, _))) => Err(PublishError(error.to_string())),
                Err(_) => Err(PublishError("the producer was closed".to_owned())),
            },
            Err(error) => Err(PublishError(error.to_string())),
        }))
        .await;
        if outcomes.iter().any(Result::is_err) {
            self.replace_if_fatal().await;
        }
        outcomes
    }
}

/// Sends one record as it is, and tells where it went.
pub(crate) async fn send(brokers: &str, topic: &str, record: &Record) -> Result<Place, KafkaError> {
    let producer = producer(brokers)?;
    let headers = record.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| {
        all.insert(Header { key, value: Some(value) })
    });
    let message = FutureRecord::to(topic).key(&record.key).payload(&record.payload).headers(headers);
    let delivered = producer.send(message, ADMIN_LIMIT).await.map_err(|(error, _)| error)?;
    drop(tokio::task::spawn_blocking(move || drop(producer)));
    Ok(Place { topic: topic.to_owned(), partition: delivered.partition, offset: delivered.offset })
}

/// Creates the topics that do not exist yet.
///
/// They keep their events for ever: a view can be rebuilt only from all of them.
pub(crate) async fn create_topics(config: &Config, topics: &[String]) -> Result<(), KafkaError> {
    let admin: AdminClient<DefaultClientContext> = client(&config.kafka_brokers).create()?;
    let keep_for_ever = |topic| {
        let copies = TopicReplication::Fixed(config.topic_replication);
        NewTopic::new(topic, config.topic_partitions, copies).set("retention.ms", "-1")
    };
    let new: Vec<_> = topics.iter().map(|topic| keep_for_ever(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(ADMIN_LIMIT)).operation_timeout(Some(ADMIN_LIMIT));
    let outcome = admin.create_topics(&new, &options).await;
    drop(tokio::task::spawn_blocking(move || drop(admin)));
    for result in outcome? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(KafkaError::AdminOp(code)),
        }
    }
    Ok(())
}
