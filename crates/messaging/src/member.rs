use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use crate::kafka::client;
use crate::{Config, ListenError, Membership, Record};

/// The group and the client that are in use now: for whoever asks how far they are.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Mutex<Option<Member>>>);

/// A consumer of Kafka as a member of its group.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) group: String,
    pub(crate) consumer: Arc<StreamConsumer>,
    /// Asks the broker on a connection of its own: on the consumer's, a question waits until the fetch before it is
    /// answered, which is half a second when nothing comes.
    pub(crate) probe: Arc<BaseConsumer>,
}

/// The membership that is in use now.
pub(crate) struct KafkaMembership {
    consumer: Arc<StreamConsumer>,
    current: Current,
}

impl Current {
    pub(crate) fn get(&self) -> Option<Member> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, member: Member) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(member);
    }

    fn take(&self) -> Option<Member> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl KafkaMembership {
    pub(crate) fn begin(
        config: &Config,
        group: &str,
        topics: &[String],
        current: &Current,
    ) -> Result<Self, KafkaError> {
        let consumer = Arc::new(subscribe(config, group, topics)?);
        let probe = Arc::new(client(config)?.set("group.id", group).create()?);
        current.set(Member { group: group.to_owned(), consumer: Arc::clone(&consumer), probe });
        Ok(Self { consumer, current: current.clone() })
    }

    fn mark(&self, topic: &str, partition: i32, end: i64) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(end))?;
        self.consumer.store_offsets(&list)
    }
}

#[async_trait]
impl Membership for KafkaMembership {
    async fn next(&self) -> Result<Record, ListenError> {
        let message = self.consumer.recv().await.map_err(|error| refused(&error))?;
        Ok(Record::from(&message))
    }

    fn finish(&self, ends: BTreeMap<(String, i32), i64>) {
        for ((topic, partition), end) in ends {
            if let Err(error) = self.mark(&topic, partition, end) {
                // Given away in the meantime: its new owner gets the batch again and finds it in the inbox.
                tracing::debug!(%error, topic, partition, "not marked");
            }
        }
    }

    async fn leave(self: Box<Self>) {
        let probe = self.current.take();
        // Leaving the group commits what is finished, and blocks; so does the end of the other client.
        let left = tokio::task::spawn_blocking(move || {
            let _ = self.consumer.commit_consumer_state(CommitMode::Sync);
            drop((self, probe));
        });
        let _ = left.await;
    }
}

/// A topic that has just been created is not known to every broker at once, and librdkafka would look again after its
/// refresh interval only: what is said there would be heard half a minute late. A new member looks at once.
fn refused(error: &KafkaError) -> ListenError {
    match error {
        KafkaError::MessageConsumptionFatal(_)
        | KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            ListenError::Over(error.to_string())
        }
        _ => ListenError::Passing(error.to_string()),
    }
}

fn subscribe(config: &Config, group: &str, topics: &[String]) -> Result<StreamConsumer, KafkaError> {
    let consumer: StreamConsumer = client(config)?
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("partition.assignment.strategy", "range")
        .set("session.timeout.ms", config.consumer_session.as_millis().to_string())
        .set("heartbeat.interval.ms", (config.consumer_session.as_millis() / 4).max(1).to_string())
        // Marked by us, after the transaction; committed by librdkafka.
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
