use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::{Mutex, OnceCell};
use tokio::time::timeout;

use crate::admission::Admission;
use crate::member::{Current, KafkaMembership};
use crate::producer::Producer;
use crate::{Broker, Config, JoinError, Membership, Place, PublishError, Publisher, Record, Wave};

/// How long a request to create topics may take.
const ADMIN_LIMIT: Duration = Duration::from_secs(10);
/// How long a single record may take to be delivered.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// What every client of the broker has in common.
pub(crate) fn client(settings: &Config) -> Result<ClientConfig, KafkaError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka_brokers)
        // A broker that comes back is found soon.
        .set("reconnect.backoff.max.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "30000")
        .set("socket.nagle.disable", "true");
    settings.security.protect(&mut config)?;
    Ok(config)
}

/// Kafka, through a producer, and consumers that are members of groups.
pub(crate) struct Kafka {
    topics: Topics,
    current: Current,
    /// Replaced after a fatal error, from which librdkafka does not recover.
    producer: Mutex<Producer>,
}

impl Kafka {
    /// `current` will know the membership that is in use.
    pub(crate) fn new(topics: Topics, current: Current) -> Result<Self, KafkaError> {
        let producer = Mutex::new(Producer::new(&topics.config, &topics.admission)?);
        Ok(Self { topics, current, producer })
    }

    async fn replace_if_fatal(&self) {
        let mut producer = self.producer.lock().await;
        if !producer.is_broken() {
            return;
        }
        match Producer::new(&self.topics.config, &self.topics.admission) {
            Ok(fresh) => *producer = fresh,
            Err(error) => tracing::error!(%error, "no new producer"),
        }
    }
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
            let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
            producer.send(topic, envelope.subject.as_bytes(), envelope.data.as_ref(), headers)
        });
        // Collected first: all are under way before the first is awaited.
        let sent: Vec<_> = sent.collect();
        let outcomes = join_all(sent.into_iter().map(async |delivery| match delivery {
            Ok(delivery) => match delivery.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(PublishError(error.to_string())),
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
pub(crate) async fn send(config: &Config, topic: &str, record: &Record) -> Result<Place, KafkaError> {
    let producer = Producer::new(config, &Admission::default())?;
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let delivery = producer.send(topic, &record.key, &record.payload, headers)?;
    let told = timeout(SEND_LIMIT, delivery)
        .await
        .map_err(|_| KafkaError::MessageProduction(RDKafkaErrorCode::OperationTimedOut))?;
    let (partition, offset) = told.map_err(|_| KafkaError::Canceled)??;
    Ok(Place { topic: topic.to_owned(), partition, offset })
}

/// The topics that must exist before a context speaks or listens.
#[derive(Clone)]
pub(crate) struct Topics {
    config: Config,
    names: Vec<String>,
    exist: Arc<OnceCell<()>>,
    admission: Admission,
}

impl Topics {
    pub(crate) fn new(config: &Config, names: Vec<String>, admission: Admission) -> Self {
        Self { config: config.clone(), names, exist: Arc::default(), admission }
    }

    /// Creates those that do not exist yet, once in the life of the process.
    ///
    /// Before anything is sent: a broker that makes topics up by itself would let their events expire.
    pub(crate) async fn ensure(&self) -> Result<(), KafkaError> {
        self.exist.get_or_try_init(|| self.create()).await.map(drop)
    }

    async fn create(&self) -> Result<(), KafkaError> {
        let admin: AdminClient<DefaultClientContext> = client(&self.config)?.create()?;
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
        let told = outcome?;
        self.admission.let_in();
        told.into_iter().try_for_each(|topic| match topic {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            Err((_, code)) => Err(KafkaError::AdminOp(code)),
        })
    }
}
