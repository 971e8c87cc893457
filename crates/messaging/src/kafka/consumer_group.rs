use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::client::client;
use crate::{Config, GroupMember, ReceiveError, Record};

/// The consumer in use now, if there is one: for the lag and the readiness.
#[derive(Clone, Default)]
pub(crate) struct CurrentConsumer(Arc<Mutex<Option<ConsumerHandle>>>);

/// A consumer in its group.
#[derive(Clone)]
pub(crate) struct ConsumerHandle {
    pub(crate) group: String,
    pub(crate) consumer: Arc<StreamConsumer>,
    /// For queries, on a connection of its own: on the consumer's connection, a query waits for the fetch before it, which
    /// takes half a second on an idle topic.
    pub(crate) probe: Arc<BaseConsumer>,
}

/// A member of a consumer group of Kafka.
pub(crate) struct KafkaGroupMember {
    consumer: Arc<StreamConsumer>,
    current: CurrentConsumer,
}

impl CurrentConsumer {
    pub(crate) fn get(&self) -> Option<ConsumerHandle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, consumer: ConsumerHandle) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(consumer);
    }

    fn take(&self) -> Option<ConsumerHandle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl KafkaGroupMember {
    pub(crate) fn join(
        config: &Config,
        group: &str,
        topics: &[String],
        current: &CurrentConsumer,
    ) -> Result<Self, KafkaError> {
        let consumer = Arc::new(subscribe(config, group, topics)?);
        let probe = Arc::new(client(config)?.set("group.id", group).create()?);
        current.set(ConsumerHandle { group: group.to_owned(), consumer: Arc::clone(&consumer), probe });
        Ok(Self { consumer, current: current.clone() })
    }

    fn store_offset(&self, topic: &str, partition: i32, next: i64) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(next))?;
        self.consumer.store_offsets(&list)
    }
}

#[async_trait]
impl GroupMember for KafkaGroupMember {
    async fn next(&self) -> Result<Record, ReceiveError> {
        let message = self.consumer.recv().await.map_err(|error| receive_error(&error))?;
        Ok(Record::from(&message))
    }

    fn store_offsets(&self, next: BTreeMap<(String, i32), i64>) {
        for ((topic, partition), next) in next {
            if let Err(error) = self.store_offset(&topic, partition, next) {
                // Revoked in the meantime: its new owner consumes the batch again and finds it in the inbox.
                tracing::debug!(%error, topic, partition, "the offset was not stored");
            }
        }
    }

    async fn leave(self: Box<Self>) {
        let handle = self.current.take();
        // The commit and the drop of both clients block.
        let left = tokio::task::spawn_blocking(move || {
            let _ = self.consumer.commit_consumer_state(CommitMode::Sync);
            drop((self, handle));
        });
        let _ = left.await;
    }
}

/// A topic is unknown to some brokers right after its creation, and librdkafka refreshes its metadata only at intervals: the
/// first events would be consumed up to 30 s late. A new member has fresh metadata, so the error is fatal to this one.
fn receive_error(error: &KafkaError) -> ReceiveError {
    match error {
        KafkaError::MessageConsumptionFatal(_)
        | KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            ReceiveError::Fatal(error.to_string())
        }
        _ => ReceiveError::Transient(error.to_string()),
    }
}

fn subscribe(config: &Config, group: &str, topics: &[String]) -> Result<StreamConsumer, KafkaError> {
    let consumer: StreamConsumer = client(config)?
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", config.consumer_session.as_millis().to_string())
        .set("heartbeat.interval.ms", (config.consumer_session.as_millis() / 4).max(1).to_string())
        // Stored by `store_offsets` after the transaction, committed by librdkafka.
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", config.consumer_commit_every.as_millis().to_string())
        // Bounds the memory of a consumer that is far behind.
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.message.max.bytes", "1048576")
        .set_log_level(RDKafkaLogLevel::Warning)
        .create()?;
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    Ok(consumer)
}
