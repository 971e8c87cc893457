use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Timestamp};
use futures_util::future::BoxFuture;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use store::Store;

use crate::kafka::admission::Admission;
use crate::kafka::consumer_group::{ConsumerHandle, CurrentConsumer};
use crate::outbound::refused;

/// The depth of an outbox is counted up to this number: counting millions of rows would be too expensive.
const MAX_DEPTH: i64 = 1_000_000;

/// How long the broker may take for the offsets of a consumer group.
const BROKER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the broker may take in a readiness check: less than the timeout of the check.
const READINESS_TIMEOUT: Duration = Duration::from_millis(800);

/// The state of the messaging of a context.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The context.
    pub context: String,
    /// Events that are not published yet.
    pub outbox_depth: i64,
    /// Age of the oldest of them in seconds; 0 if there is none.
    pub outbox_age_seconds: f64,
    /// Events that the broker rejects permanently: an operator puts them back.
    #[serde(default)]
    pub refused_events: i64,
    /// The state of the consumer; `None` while the broker does not respond.
    pub consumer: Option<ConsumerStatus>,
    /// The topic of the dead letters.
    pub dead_letter_topic: String,
}

/// The state of a consumer group.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerStatus {
    /// Its name.
    pub group: String,
    /// Events that it has not committed, over all partitions.
    pub lag: i64,
    /// Partitions that are assigned to this process.
    pub partitions: usize,
}

/// The parts of a context's messaging that its status is measured on.
#[derive(Clone)]
pub(crate) struct StatusSource {
    pub(crate) context: &'static str,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) current: CurrentConsumer,
    /// The topics that the context consumes.
    pub(crate) topics: Vec<String>,
    pub(crate) dead_letter_topic: String,
}

/// The state now.
pub(crate) async fn status(source: &StatusSource) -> Result<Status, sqlx::Error> {
    let (outbox_depth, oldest) = outbox(&source.store).await?;
    let age = oldest.map(|oldest| source.clock.now().since(oldest));
    Ok(Status {
        context: source.context.to_owned(),
        outbox_depth,
        outbox_age_seconds: age.unwrap_or_default().as_secs_f64(),
        refused_events: refused::count(&source.store).await?,
        consumer: consumer(source).await,
        dead_letter_topic: source.dead_letter_topic.clone(),
    })
}

/// Sets the gauges of `/metrics`.
pub(crate) async fn measure(source: &StatusSource) {
    let Ok(status) = status(source).await else { return };
    #[expect(clippy::cast_precision_loss, reason = "a gauge is an f64; counts stay far below 2^53")]
    let gauge = |name: &'static str, value: i64| metrics::gauge!(name).set(value as f64);
    gauge("outbox_depth", status.outbox_depth);
    gauge("outbox_refused_events", status.refused_events);
    metrics::gauge!("outbox_oldest_age_seconds").set(status.outbox_age_seconds);
    if let Some(consumer) = status.consumer {
        gauge("consumer_lag", consumer.lag);
    }
}

async fn outbox(store: &Store) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let counted = "SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted";
    let depth = sqlx::query_scalar(counted).bind(MAX_DEPTH).fetch_one(store.reader()).await?;
    let oldest = "SELECT happened_at FROM outbox ORDER BY seq LIMIT 1";
    let oldest: Option<i64> = sqlx::query_scalar(oldest).fetch_optional(store.reader()).await?;
    Ok((depth, oldest.map(Timestamp::from_micros)))
}

async fn consumer(source: &StatusSource) -> Option<ConsumerStatus> {
    let handle = source.current.get()?;
    let topics = source.topics.clone();
    // The queries of librdkafka block.
    let status = tokio::task::spawn_blocking(move || consumer_status(handle, &topics)).await.ok()?;
    status.inspect_err(|error| tracing::debug!(%error, "the lag is unknown")).ok()
}

fn consumer_status(handle: ConsumerHandle, topics: &[String]) -> Result<ConsumerStatus, KafkaError> {
    let partitions = handle.consumer.assignment()?.count();
    Ok(ConsumerStatus { lag: lag(&handle.probe, topics)?, partitions, group: handle.group })
}

/// The number of records that the group has not committed, over all partitions of the topics.
fn lag(consumer: &BaseConsumer, topics: &[String]) -> Result<i64, KafkaError> {
    let mut all = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        all.extend(partitions.map(|partition| (topic.clone(), partition.id())));
    }
    let (first, end) = (positions(consumer, &all, Offset::Beginning)?, positions(consumer, &all, Offset::End)?);
    let mut list = TopicPartitionList::new();
    for (topic, partition) in &all {
        list.add_partition(topic, *partition);
    }
    let mut lag = 0;
    for committed in consumer.committed_offsets(list, BROKER_TIMEOUT)?.elements() {
        let partition = (committed.topic().to_owned(), committed.partition());
        let first = first.get(&partition).copied().unwrap_or(0);
        let next = committed.offset().to_raw().filter(|next| *next > first).unwrap_or(first);
        lag += (end.get(&partition).copied().unwrap_or(0) - next).max(0);
    }
    Ok(lag)
}

/// The first or the next offsets of these partitions, in one request: librdkafka takes 0.2 s per request for watermarks.
fn positions(
    consumer: &BaseConsumer,
    partitions: &[(String, i32)],
    at: Offset,
) -> Result<BTreeMap<(String, i32), i64>, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition_offset(topic, *partition, at)?;
    }
    // In a request for times, these two special offsets mean the beginning and the end.
    let found = consumer.offsets_for_times(list, BROKER_TIMEOUT)?;
    let position = |offset: Offset| offset.to_raw().filter(|position| *position >= 0);
    let found = found
        .elements()
        .iter()
        .filter_map(|e| Some(((e.topic().to_owned(), e.partition()), position(e.offset())?)))
        .collect();
    Ok(found)
}

/// A readiness check: the broker has not rejected this process, and it responds to the consumer if there is one `needed`.
pub(crate) fn broker_readiness(
    needed: Option<CurrentConsumer>,
    admission: Admission,
) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static {
    move || {
        let (needed, rejection) = (needed.clone(), admission.rejection());
        Box::pin(async move {
            if let Some(reason) = rejection {
                return Err(reason);
            }
            let Some(current) = needed else { return Ok(()) };
            let handle = current.get().ok_or("not connected yet")?;
            let query = move || handle.probe.fetch_metadata(None, READINESS_TIMEOUT).map(drop);
            let response = tokio::task::spawn_blocking(query).await.map_err(|error| error.to_string())?;
            response.map_err(|error| error.to_string())
        })
    }
}
