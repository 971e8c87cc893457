use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use events::Envelope;
use messaging::admin::{From as ReadFrom, Reader};
use messaging::{Config, Record};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

/// How long the broker may take to answer.
const BROKER_LIMIT: Duration = Duration::from_secs(20);

/// The topics of one fleet, as somebody outside of it sees them.
#[derive(Debug, Clone)]
pub struct Topics {
    broker: Config,
}

/// A record to be published, whether or not it is an event.
#[derive(Debug, Clone)]
pub struct Raw {
    /// Its key, which decides its partition.
    pub key: String,
    /// Its headers.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Who listens to a topic.
#[derive(Clone)]
pub struct Listener(Arc<BaseConsumer>);

impl Listener {
    /// The key of the next record, if one comes within `limit`.
    pub async fn next(&self, limit: Duration) -> Result<Option<Vec<u8>>> {
        let consumer = Arc::clone(&self.0);
        spawn_blocking(move || match consumer.poll(limit) {
            Some(record) => Ok(Some(record?.key().unwrap_or_default().to_vec())),
            None => Ok(None),
        })
        .await?
    }
}

impl From<&Envelope> for Raw {
    fn from(event: &Envelope) -> Self {
        let headers = event.headers().into_iter().map(|(name, value)| (name, value.into_owned().into_bytes()));
        Self { key: event.subject.clone(), headers: headers.collect(), payload: event.data.clone().into_bytes() }
    }
}

impl Topics {
    pub(crate) const fn new(broker: Config) -> Self {
        Self { broker }
    }

    /// The name of a context's topic.
    pub fn name(&self, context: &str) -> String {
        self.broker.topic(context)
    }

    /// All records that stand in a context's topic (or in its dead letters: `context.dead-letters`).
    pub async fn records(&self, context: &str) -> Result<Vec<Record>> {
        let (broker, topic) = (self.broker.clone(), self.name(context));
        Ok(spawn_blocking(move || Reader::new(&broker, &[topic], ReadFrom::Beginning)?.rest()).await??)
    }

    /// All events in a context's topic. Within one subject they are in their order.
    pub async fn events(&self, context: &str) -> Result<Vec<Envelope>> {
        let records = self.records(context).await?;
        records.iter().map(|record| record.envelope().with_context(|| record.place.to_string())).collect()
    }

    /// Reads what comes to a context's topic from now on, and lets the broker take up to `wait` to say that nothing came.
    pub async fn listen(&self, context: &str, wait: Duration) -> Result<Listener> {
        let mut client = self.client()?;
        client
            .set("group.id", "listener")
            .set("fetch.wait.max.ms", wait.as_millis().to_string())
            .set("socket.timeout.ms", (wait + BROKER_LIMIT).as_millis().to_string());
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
        Ok(Listener(Arc::new(consumer.await??)))
    }

    /// Publishes events that nobody has said, in this order.
    pub async fn say(&self, context: &str, events: &[Envelope]) -> Result<()> {
        self.send(context, events.iter().map(Raw::from).collect()).await
    }

    /// Publishes records as they are, in this order.
    pub async fn send(&self, context: &str, records: Vec<Raw>) -> Result<()> {
        let producer: FutureProducer = self.client()?.set("enable.idempotence", "true").create()?;
        let topic = self.name(context);
        for Raw { key, headers, payload } in records {
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
            let record = FutureRecord::to(&topic).key(&key).payload(&payload).headers(headers);
            producer.send(record, BROKER_LIMIT).await.map_err(|(error, _)| error)?;
        }
        // Dropping it blocks.
        Ok(spawn_blocking(move || drop(producer)).await?)
    }

    /// Where each partition of these contexts' topics ends.
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
            let metadata = consumer.fetch_metadata(None, BROKER_LIMIT)?;
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

/// The end of each partition, all asked for at once: one by one takes a fifth of a second each.
fn ends(consumer: &BaseConsumer, topics: &[String]) -> Result<BTreeMap<(String, i32), Offset>> {
    let mut wanted = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_LIMIT)?;
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            wanted.add_partition_offset(topic, partition.id(), Offset::End)?;
        }
    }
    let found = consumer.offsets_for_times(wanted, BROKER_LIMIT)?;
    let ends = found.elements();
    Ok(ends.iter().map(|end| ((end.topic().to_owned(), end.partition()), end.offset())).collect())
}
