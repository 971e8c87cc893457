//! The topics of a fleet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use events::Envelope;
use messaging::admin::{From as ReadFrom, Reader};
use messaging::{Config, Record, RecordPosition};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

/// Time limit of a request to the broker.
pub(crate) const BROKER_TIMEOUT: Duration = Duration::from_secs(20);

/// A client for the topics of one fleet.
#[derive(Debug, Clone)]
pub struct Topics {
    broker: Config,
}

/// A record to publish, which need not be an event.
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// The key, which selects the partition.
    pub key: String,
    /// The headers.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The value.
    pub payload: Vec<u8>,
}

/// A consumer of one topic.
#[derive(Clone)]
pub struct TopicConsumer(Arc<BaseConsumer>);

impl TopicConsumer {
    /// The key of the next record; `None` if none arrives within `limit`.
    pub async fn next(&self, limit: Duration) -> Result<Option<Vec<u8>>> {
        let consumer = Arc::clone(&self.0);
        spawn_blocking(move || match consumer.poll(limit) {
            Some(record) => Ok(Some(record?.key().unwrap_or_default().to_vec())),
            None => Ok(None),
        })
        .await?
    }
}

impl From<&Envelope> for RawRecord {
    fn from(event: &Envelope) -> Self {
        let headers = event.headers().into_iter().map(|(name, value)| (name, value.into_owned().into_bytes()));
        Self { key: event.subject.clone(), headers: headers.collect(), payload: event.data.clone().into_bytes() }
    }
}

impl Topics {
    pub(crate) const fn new(broker: Config) -> Self {
        Self { broker }
    }

    /// The topics of `fleet` at these brokers, over plaintext connections.
    pub fn at(brokers: &str, fleet: &str) -> Result<Self> {
        Ok(Self::new(messaging::admin::config(brokers, &messaging::Security::default(), fleet)?))
    }

    pub(crate) fn brokers(&self) -> &str {
        &self.broker.kafka_brokers
    }

    /// The name of the topic of a context.
    pub fn name(&self, context: &str) -> String {
        self.broker.topic(context)
    }

    /// All records in the topic of a context. `context.dead-letters` selects its dead letters.
    pub async fn records(&self, context: &str) -> Result<Vec<Record>> {
        let (broker, topic) = (self.broker.clone(), self.name(context));
        Ok(spawn_blocking(move || Reader::new(&broker, &[topic], ReadFrom::Beginning)?.rest()).await??)
    }

    /// All events in the topic of a context, in order within each subject.
    pub async fn events(&self, context: &str) -> Result<Vec<Envelope>> {
        let records = self.records(context).await?;
        records.iter().map(|record| record.envelope().with_context(|| record.place.to_string())).collect()
    }

    /// Consumes the topic of a context from its end. A fetch may wait `wait` at the broker for records.
    pub async fn listen(&self, context: &str, wait: Duration) -> Result<TopicConsumer> {
        let mut client = self.client()?;
        client
            .set("group.id", "listener")
            .set("fetch.wait.max.ms", wait.as_millis().to_string())
            .set("socket.timeout.ms", (wait + BROKER_TIMEOUT).as_millis().to_string());
        let topic = self.name(context);
        let consumer = spawn_blocking(move || {
            let consumer: BaseConsumer = client.create()?;
            let mut partitions = TopicPartitionList::new();
            for (partition, end) in ends(&consumer, &[topic])? {
                partitions.add_partition_offset(&partition.0, partition.1, end)?;
            }
            consumer.assign(&partitions)?;
            anyhow::Ok(consumer)
        });
        Ok(TopicConsumer(Arc::new(consumer.await??)))
    }

    /// Publishes events, in this order.
    pub async fn say(&self, context: &str, events: &[Envelope]) -> Result<()> {
        self.send(context, events.iter().map(RawRecord::from).collect()).await.map(drop)
    }

    /// Publishes records as they are, in this order, and returns their positions.
    pub async fn send(&self, context: &str, records: Vec<RawRecord>) -> Result<Vec<RecordPosition>> {
        let producer: FutureProducer = self.client()?.set("enable.idempotence", "true").create()?;
        let topic = self.name(context);
        let mut positions = Vec::with_capacity(records.len());
        for RawRecord { key, headers, payload } in records {
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
            let record = FutureRecord::to(&topic).key(&key).payload(&payload).headers(headers);
            let delivered = producer.send(record, BROKER_TIMEOUT).await.map_err(|(error, _)| error)?;
            positions.push(RecordPosition {
                topic: topic.clone(),
                partition: delivered.partition,
                offset: delivered.offset,
            });
        }
        // The drop blocks.
        spawn_blocking(move || drop(producer)).await?;
        Ok(positions)
    }

    /// The end offset of each partition of the topics of these contexts.
    pub(crate) async fn ends(&self, contexts: &[String]) -> Result<BTreeMap<(String, i32), Offset>> {
        let names: Vec<String> = contexts.iter().map(|context| self.name(context)).collect();
        let client = self.client()?;
        spawn_blocking(move || {
            let consumer: BaseConsumer = client.create()?;
            ends(&consumer, &names)
        })
        .await?
    }

    /// Deletes all topics of the fleet.
    pub(crate) async fn delete(&self) -> Result<()> {
        let (client, prefix) = (self.client()?, self.name(""));
        let names = spawn_blocking(move || {
            let consumer: BaseConsumer = client.create()?;
            let metadata = consumer.fetch_metadata(None, BROKER_TIMEOUT)?;
            let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
            anyhow::Ok(names.filter(|name| name.starts_with(&prefix)).collect::<Vec<_>>())
        });
        let names = names.await??;
        if names.is_empty() {
            return Ok(());
        }
        let admin: AdminClient<DefaultClientContext> = self.client()?.create()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        admin.delete_topics(&names, &AdminOptions::new()).await?;
        Ok(spawn_blocking(move || drop(admin)).await?)
    }

    fn client(&self) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker.kafka_brokers).set("socket.nagle.disable", "true");
        self.broker.security.protect(&mut config)?;
        Ok(config)
    }
}

/// The end offset of each partition, in one request: a request for each would take 0.2 s.
fn ends(consumer: &BaseConsumer, topics: &[String]) -> Result<BTreeMap<(String, i32), Offset>> {
    let mut wanted = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            wanted.add_partition_offset(topic, partition.id(), Offset::End)?;
        }
    }
    let offsets = consumer.offsets_for_times(wanted, BROKER_TIMEOUT)?;
    let ends = offsets.elements();
    Ok(ends.iter().map(|end| ((end.topic().to_owned(), end.partition()), end.offset())).collect())
}
