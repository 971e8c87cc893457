use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use tokio::sync::{Mutex, OnceCell};

use crate::member::{Current, KafkaMembership};
use crate::{Broker, Config, JoinError, Membership, Place, PublishError, Publisher, Record, Wave};

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

/// Kafka, through an idempotent producer that waits for all in-sync copies, and consumers that are members of groups.
pub(crate) struct Kafka {
    topics: Topics,
    current: Current,
    /// Replaced after a fatal error, from which librdkafka does not recover.
    producer: Mutex<FutureProducer>,
}

impl Kafka {
    /// `current` will know the membership that is in use.
    pub(crate) fn new(topics: Topics, current: Current) -> Result<Self, KafkaError> {
        let producer = Mutex::new(producer(&topics.config.kafka_brokers)?);
        Ok(Self { topics, current, producer })
    }

    async fn replace_if_fatal(&self) {
        let mut producer_slot = self.producer.lock().await;
        if producer_slot.client().fatal_error().is_none() {
            return;
        }
        match producer(&self.topics.config.kafka_brokers) {
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
impl Publisher for Kafka {
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>> {
        if let Err(error) = self.topics.ensure().await {
            let refused = PublishError(error.to_string());
            return vec![Err(refused); wave.events.len()];
        }
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

#[async_trait]
impl Broker for Kafka {
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn Membership>, JoinError> {
        self.topics.ensure().await.map_err(|error| JoinError(error.to_string()))?;
        let membership = KafkaMembership::begin(&self.topics.config, group, topics, &self.current);
        Ok(Box::new(membership.map_err(|error| JoinError(error.to_string()))?))
    }
}

/// Sends one record as it is, and tells where it went.
pub(crate) async fn send(brokers: &str, topic: &str, record: &Record) -> Result<Place, KafkaError> {
    let producer = producer(brokers)?;
    let headers = record
        .headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    let message = FutureRecord::to(topic).key(&record.key).payload(&record.payload).headers(headers);
    let delivered = producer.send(message, ADMIN_LIMIT).await.map_err(|(error, _)| error)?;
    drop(tokio::task::spawn_blocking(move || drop(producer)));
    Ok(Place { topic: topic.to_owned(), partition: delivered.partition, offset: delivered.offset })
}

/// The topics that must exist before a context speaks or listens.
#[derive(Clone)]
pub(crate) struct Topics {
    config: Config,
    names: Vec<String>,
    exist: Arc<OnceCell<()>>,
}

impl Topics {
    pub(crate) fn new(config: &Config, names: Vec<String>) -> Self {
        Self { config: config.clone(), names, exist: Arc::default() }
    }

    /// Creates those that do not exist yet, once in the life of the process.
    ///
    /// Before anything is sent: a broker that makes topics up by itself would let their events expire.
    pub(crate) async fn ensure(&self) -> Result<(), KafkaError> {
        self.exist.get_or_try_init(|| self.create()).await.map(drop)
    }

    async fn create(&self) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = client(&self.config.kafka_brokers).create()?;
        // They keep their events for ever: a view can be rebuilt only from all of them.
        let keep_for_ever = |topic| {
            let copies = TopicReplication::Fixed(self.config.topic_replication);
            NewTopic::new(topic, self.config.topic_partitions, copies).set("retention.ms", "-1")
        };
        let new: Vec<_> = self.names.iter().map(|topic| keep_for_ever(topic)).collect();
        let options = AdminOptions::new().request_timeout(Some(ADMIN_LIMIT)).operation_timeout(Some(ADMIN_LIMIT));
        let outcome = admin.create_topics(&new, &options).await;
        // Dropping it blocks.
        drop(tokio::task::spawn_blocking(move || drop(admin)));
        outcome?.into_iter().try_for_each(|topic| match topic {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            Err((_, code)) => Err(KafkaError::AdminOp(code)),
        })
    }
}
