//! The topics of a run.

use std::time::Duration;

use anyhow::Result;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::figure::number;

/// Partitions of each topic, as the services create them.
const PARTITIONS: i32 = 6;

/// Time limit of a request to the broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit of a read of many records.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// Names are deleted in groups of this size.
const DELETED_AT_ONCE: usize = 50;

/// The configuration of a client, without a setting that affects the measurement.
pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// Creates a topic as the services do, unless it exists.
pub async fn create_topic(brokers: &str, topic: &str) -> Result<()> {
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let outcomes = admin(brokers)?.create_topics(&[new], &options()).await?;
    outcomes.into_iter().try_for_each(|outcome| match outcome {
        Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Err((topic, code)) => anyhow::bail!("{topic}: {code}"),
    })
}

/// The number of records in a topic from which none was deleted.
pub async fn records_in(brokers: &str, topic: &str) -> Result<i64> {
    let (client, topic) = (client(brokers), topic.to_owned());
    spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        let mut records = 0;
        for partition in partitions(&consumer, &topic)? {
            records += consumer.fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)?.1;
        }
        Ok(records)
    })
    .await?
}

/// Deletes the topics and consumer groups whose names begin with `prefix`.
pub async fn delete(brokers: &str, prefix: &str) -> Result<()> {
    let (listing, prefix) = (client(brokers), prefix.to_owned());
    let (topics, groups) = spawn_blocking(move || named(&listing, &prefix)).await??;
    let admin = admin(brokers)?;
    for names in topics.chunks(DELETED_AT_ONCE) {
        admin.delete_topics(&names.iter().map(String::as_str).collect::<Vec<_>>(), &options()).await?;
    }
    for names in groups.chunks(DELETED_AT_ONCE) {
        admin.delete_groups(&names.iter().map(String::as_str).collect::<Vec<_>>(), &options()).await?;
    }
    Ok(())
}

/// Records per second that librdkafka alone reads.
pub async fn read_rate(brokers: &str, topics: Vec<String>, records: i64) -> Result<f64> {
    let client = client(brokers).set("group.id", "flotilla-bench").clone();
    spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        let mut all = TopicPartitionList::new();
        for topic in &topics {
            for partition in partitions(&consumer, topic)? {
                all.add_partition_offset(topic, partition, Offset::Beginning)?;
            }
        }
        let began = Instant::now();
        consumer.assign(&all)?;
        for read in 0..records {
            match consumer.poll(READ_TIMEOUT) {
                Some(record) => drop(record?),
                None => anyhow::bail!("only {read} of {records} records were read"),
            }
        }
        Ok(number(records) / began.elapsed().as_secs_f64())
    })
    .await?
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    Ok(partitions.map(rdkafka::metadata::MetadataPartition::id).collect())
}

/// The topics and groups whose names begin with `prefix`.
fn named(client: &ClientConfig, prefix: &str) -> Result<(Vec<String>, Vec<String>)> {
    let client: BaseConsumer = client.create()?;
    let metadata = client.fetch_metadata(None, REQUEST_TIMEOUT)?;
    let topics = metadata.topics().iter().map(|topic| topic.name().to_owned());
    let list = client.fetch_group_list(None, REQUEST_TIMEOUT)?;
    let groups = list.groups().iter().map(|group| group.name().to_owned());
    let of_run = |name: &String| name.starts_with(prefix);
    Ok((topics.filter(of_run).collect(), groups.filter(of_run).collect()))
}

fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>> {
    Ok(client(brokers).create()?)
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT)).operation_timeout(Some(REQUEST_TIMEOUT))
}
