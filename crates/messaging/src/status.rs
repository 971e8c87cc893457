use std::collections::BTreeMap;
use std::time::Duration;

use ambient::Timestamp;
use futures_util::future::BoxFuture;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use crate::Messaging;
use crate::admission::Admission;
use crate::member::{Current, Member};

/// The depth of an outbox is counted up to here: counting millions would cost what it warns of.
const COUNTED_DEPTH: i64 = 1_000_000;

/// How long the broker may take to say how far a consumer is.
const BROKER_LIMIT: Duration = Duration::from_secs(2);

/// How long the broker may take to show that it is there: within what a readiness check may take.
const READINESS_LIMIT: Duration = Duration::from_millis(800);

/// How a context's messaging stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The context.
    pub context: String,
    /// Events that the broker does not have yet.
    pub outbox_depth: i64,
    /// How long the oldest of them has been waiting, in seconds; 0 if there is none.
    pub outbox_age_seconds: f64,
    /// How far the consumer is; nothing while the broker does not say.
    pub consumer: Option<ConsumerStatus>,
    /// The topic of what could not be handled.
    pub dead_letter_topic: String,
}

/// How far a consumer group is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerStatus {
    /// Its name.
    pub group: String,
    /// Events that it has not committed yet, over all partitions.
    pub lag: i64,
    /// Partitions that this process reads.
    pub partitions: usize,
}

/// How the context stands now.
pub(crate) async fn status(messaging: &Messaging) -> Result<Status, sqlx::Error> {
    let (outbox_depth, oldest) = outbox(messaging).await?;
    let age = oldest.map(|oldest| messaging.clock.now().since(oldest));
    Ok(Status {
        context: messaging.context.to_owned(),
        outbox_depth,
        outbox_age_seconds: age.unwrap_or_default().as_secs_f64(),
        consumer: consumer(messaging).await,
        dead_letter_topic: messaging.config.dead_letter_topic(messaging.context),
    })
}

/// Sets the gauges of `/metrics`.
pub(crate) async fn measure(messaging: &Messaging) {
    let Ok(status) = status(messaging).await else { return };
    #[expect(clippy::cast_precision_loss, reason = "a gauge is an f64; counts stay far below 2^53")]
    let gauge = |name: &'static str, value: i64| metrics::gauge!(name).set(value as f64);
    gauge("outbox_depth", status.outbox_depth);
    metrics::gauge!("outbox_oldest_age_seconds").set(status.outbox_age_seconds);
    if let Some(consumer) = status.consumer {
        gauge("consumer_lag", consumer.lag);
    }
}

async fn outbox(messaging: &Messaging) -> Result<(i64, Option<Timestamp>), sqlx::Error> {
    let counted = "SELECT COUNT(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted";
    let depth = sqlx::query_scalar(counted).bind(COUNTED_DEPTH).fetch_one(messaging.store.reader()).await?;
    let oldest = "SELECT happened_at FROM outbox ORDER BY seq LIMIT 1";
    let oldest: Option<i64> = sqlx::query_scalar(oldest).fetch_optional(messaging.store.reader()).await?;
    Ok((depth, oldest.map(Timestamp::from_micros)))
}

async fn consumer(messaging: &Messaging) -> Option<ConsumerStatus> {
    let member = messaging.current.get()?;
    let topics = messaging.topics.clone();
    // These questions block.
    let asked = tokio::task::spawn_blocking(move || how_far(member, &topics)).await.ok()?;
    asked.inspect_err(|error| tracing::debug!(%error, "no lag")).ok()
}

fn how_far(member: Member, topics: &[String]) -> Result<ConsumerStatus, KafkaError> {
    let partitions = member.consumer.assignment()?.count();
    Ok(ConsumerStatus { lag: lag(&member.probe, topics)?, partitions, group: member.group })
}

/// What the group has not committed, over all partitions of the topics.
fn lag(consumer: &BaseConsumer, topics: &[String]) -> Result<i64, KafkaError> {
    let mut all = Vec::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), BROKER_LIMIT)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        all.extend(partitions.map(|partition| (topic.clone(), partition.id())));
    }
    let (first, end) = (positions(consumer, &all, Offset::Beginning)?, positions(consumer, &all, Offset::End)?);
    let mut list = TopicPartitionList::new();
    for (topic, partition) in &all {
        list.add_partition(topic, *partition);
    }
    let mut lag = 0;
    for committed in consumer.committed_offsets(list, BROKER_LIMIT)?.elements() {
        let place = (committed.topic().to_owned(), committed.partition());
        let first = first.get(&place).copied().unwrap_or(0);
        let next = committed.offset().to_raw().filter(|next| *next > first).unwrap_or(first);
        lag += (end.get(&place).copied().unwrap_or(0) - next).max(0);
    }
    Ok(lag)
}

/// Where these partitions begin or end. All are asked for at once: librdkafka's watermarks take a fifth of a second each.
fn positions(
    consumer: &BaseConsumer,
    partitions: &[(String, i32)],
    at: Offset,
) -> Result<BTreeMap<(String, i32), i64>, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition_offset(topic, *partition, at)?;
    }
    // In a question for times, the numbers of the beginning and of the end mean just these.
    let found = consumer.offsets_for_times(list, BROKER_LIMIT)?;
    let position = |offset: Offset| offset.to_raw().filter(|position| *position >= 0);
    let found = found
        .elements()
        .iter()
        .filter_map(|e| Some(((e.topic().to_owned(), e.partition()), position(e.offset())?)))
        .collect();
    Ok(found)
}

/// Whether the broker has not refused this process, and answers if it is `needed`: a condition for being ready.
pub(crate) fn broker_readiness(
    needed: Option<Current>,
    admission: Admission,
) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static {
    move || {
        let (needed, refusal) = (needed.clone(), admission.refusal());
        Box::pin(async move {
            if let Some(reason) = refusal {
                return Err(reason);
            }
            let Some(current) = needed else { return Ok(()) };
            let member = current.get().ok_or("not connected yet")?;
            let ask = move || member.probe.fetch_metadata(None, READINESS_LIMIT).map(drop);
            let asked = tokio::task::spawn_blocking(ask).await.map_err(|error| error.to_string())?;
            asked.map_err(|error| error.to_string())
        })
    }
}
