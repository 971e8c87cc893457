//! Reads topics without a consumer group.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::client;
use crate::{Config, Record, RecordPosition};

/// How long a request to the broker may take.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// Attempts for a partition without a leader, and the pause between them: two seconds in total.
const LEADER_ATTEMPTS: u32 = 20;
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// Attempts to poll a single record, and the time of each: ten seconds in total.
const RECORD_ATTEMPTS: u32 = 100;
const RECORD_TIMEOUT: Duration = Duration::from_millis(100);

/// Reads topics without a consumer group. Its methods block: call them from a blocking thread.
pub struct Reader {
    consumer: BaseConsumer,
    /// The end of each partition at the creation of the reader, as far as it is not reached.
    ends: BTreeMap<(String, i32), i64>,
}

/// Where a [`Reader`] starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first record that the broker has.
    Beginning,
    /// At the next record to be written.
    End,
}

impl Reader {
    /// A reader of all partitions of these topics. A topic that does not exist has no records.
    pub fn new(config: &Config, topics: &[String], from: From) -> Result<Self, KafkaError> {
        let consumer = consumer(config)?;
        let mut ends = BTreeMap::new();
        let mut assigned = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), BROKER_TIMEOUT)?;
            let known = metadata.topics().iter().filter(|topic| topic.error().is_none());
            for partition in known.flat_map(MetadataTopic::partitions) {
                let (low, high) = watermarks(&consumer, topic, partition.id())?;
                let first = if from == From::Beginning { low } else { high };
                assigned.add_partition_offset(topic, partition.id(), Offset::Offset(first))?;
                if first < high {
                    ends.insert((topic.clone(), partition.id()), high);
                }
            }
        }
        consumer.assign(&assigned)?;
        Ok(Self { consumer, ends })
    }

    /// The next record, or `None` if none comes within `wait`.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Record>, KafkaError> {
        match self.consumer.poll(wait) {
            None => Ok(None),
            // librdkafka retries.
            Some(Err(error)) if is_transient(&error) => Ok(None),
            Some(message) => {
                let record = Record::from(&message?);
                let partition = (record.place.topic.clone(), record.place.partition);
                if self.ends.get(&partition).is_some_and(|end| record.place.offset + 1 >= *end) {
                    self.ends.remove(&partition);
                }
                Ok(Some(record))
            }
        }
    }

    /// Whether all records have been read that existed at the creation of the reader.
    pub fn caught_up(&self) -> bool {
        self.ends.is_empty()
    }

    /// All records that existed at the creation of the reader.
    pub fn rest(&mut self) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        self.each(|record| records.push(record))?;
        Ok(records)
    }

    /// Calls `take` with each record that existed at the creation of the reader: for topics that do not fit into memory.
    pub fn each(&mut self, mut take: impl FnMut(Record)) -> Result<(), KafkaError> {
        while !self.caught_up() {
            match self.next(BROKER_TIMEOUT)? {
                Some(record) => take(record),
                None => return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
            }
        }
        Ok(())
    }
}

/// A consumer without a group.
fn consumer(config: &Config) -> Result<BaseConsumer, KafkaError> {
    client(config)?
        // Required by librdkafka; the group is never joined.
        .set("group.id", "flotilla-reader")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("allow.auto.create.topics", "false")
        .create()
}

/// The first and the next offset of a partition. Retries, because a new partition may have no leader yet.
fn watermarks(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    for _ in 0..LEADER_ATTEMPTS {
        match consumer.fetch_watermarks(topic, partition, BROKER_TIMEOUT) {
            Err(KafkaError::MetadataFetch(code)) if has_no_leader(code) => sleep(LEADER_PAUSE),
            watermarks => return watermarks,
        }
    }
    consumer.fetch_watermarks(topic, partition, BROKER_TIMEOUT)
}

fn has_no_leader(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

/// The record at this position, if the broker still has it. Blocks.
pub(crate) fn record_at(config: &Config, place: &RecordPosition) -> Result<Option<Record>, KafkaError> {
    let consumer = consumer(config)?;
    let (low, high) = watermarks(&consumer, &place.topic, place.partition)?;
    if !(low..high).contains(&place.offset) {
        return Ok(None);
    }
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(&place.topic, place.partition, Offset::Offset(place.offset))?;
    consumer.assign(&assigned)?;
    for _ in 0..RECORD_ATTEMPTS {
        match consumer.poll(RECORD_TIMEOUT) {
            None => {}
            Some(Err(error)) if is_transient(&error) => {}
            // The record after it, if the broker has deleted this one.
            Some(message) => return Ok(Some(Record::from(&message?)).filter(|record| record.place == *place)),
        }
    }
    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
}

fn is_transient(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let KafkaError::MessageConsumption(code) = error else { return false };
    matches!(code, AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve)
}
