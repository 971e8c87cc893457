//! For those who operate a fleet: read topics as they stand, and send dead letters again.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{client, send};
use crate::{Config, DeadLetter, LetterEntry, Place, Record, Redriven};

/// How long the broker may take to answer.
const BROKER_LIMIT: Duration = Duration::from_secs(10);

/// Reads topics without being in any group. Its methods block: call them from a blocking thread.
pub struct Reader {
    consumer: BaseConsumer,
    /// The end of each partition when the reader was made.
    ends: BTreeMap<(String, i32), i64>,
}

/// Where a [`Reader`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// At the first record that is kept.
    Beginning,
    /// At the next record that is written.
    End,
}

impl Reader {
    /// A reader of all partitions of these topics; one that does not exist has no records.
    pub fn new(brokers: &str, topics: &[String], from: From) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = client(brokers)
            // Never joined, but librdkafka wants a name.
            .set("group.id", "flotilla-reader")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("allow.auto.create.topics", "false")
            .create()?;
        let mut ends = BTreeMap::new();
        let mut assigned = TopicPartitionList::new();
        for topic in topics {
            let metadata = consumer.fetch_metadata(Some(topic), BROKER_LIMIT)?;
            let known = metadata.topics().iter().filter(|topic| topic.error().is_none());
            for partition in known.flat_map(MetadataTopic::partitions) {
                let (low, high) = consumer.fetch_watermarks(topic, partition.id(), BROKER_LIMIT)?;
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
            None | Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure))) => Ok(None),
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

    /// Whether everything has been read that was there when the reader was made.
    pub fn caught_up(&self) -> bool {
        self.ends.is_empty()
    }

    /// All records up to the ends that the partitions had at the beginning.
    pub fn rest(&mut self) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        while !self.caught_up() {
            match self.next(BROKER_LIMIT)? {
                Some(record) => records.push(record),
                None => return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
            }
        }
        Ok(records)
    }
}

/// The dead letters of a context that have not been sent again, oldest first. Blocks.
pub fn dead_letters(config: &Config, context: &str) -> Result<Vec<DeadLetter>, KafkaError> {
    let topic = config.dead_letter_topic(context);
    let records = Reader::new(&config.kafka_brokers, &[topic], From::Beginning)?.rest()?;
    let mut letters = BTreeMap::new();
    let mut redriven = Vec::new();
    for entry in records.iter().filter_map(LetterEntry::read) {
        match entry {
            LetterEntry::Dead(letter) => drop(letters.insert(letter.place.clone(), letter)),
            LetterEntry::Redriven(note) => redriven.push(note.letter),
        }
    }
    for place in &redriven {
        letters.remove(place);
    }
    Ok(letters.into_values().collect())
}

/// Sends a dead letter's record to its topic again, for `context` alone, and notes that. Tells where it stands now.
///
/// A crash in between leaves the letter open though its record was sent; it may be sent again, and is handled once.
pub async fn redrive(
    config: &Config,
    context: &str,
    letter: &DeadLetter,
    ids: &ambient::Ids,
    now: ambient::Timestamp,
) -> Result<Place, KafkaError> {
    let place = send(&config.kafka_brokers, &letter.place.topic, &letter.record(context)).await?;
    let note = LetterEntry::Redriven(Redriven { letter: letter.place.clone(), place: place.clone() });
    let (kind, data) = note.encode().map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
    let envelope = events::Envelope {
        id: ids.uuid().to_string(),
        source: "/flotilla/redrive".to_owned(),
        kind,
        subject: letter.key(),
        time: now,
        trace: None,
        data,
    };
    let headers = envelope.headers().into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let record = Record {
        place: place.clone(),
        key: envelope.subject.clone().into_bytes(),
        headers: headers.collect(),
        payload: envelope.data.clone().into_bytes(),
    };
    send(&config.kafka_brokers, &config.dead_letter_topic(context), &record).await?;
    Ok(place)
}

/// Whether the group has finished the record at `place`. Blocks.
pub fn has_finished(brokers: &str, group: &str, place: &Place) -> Result<bool, KafkaError> {
    let consumer: BaseConsumer = client(brokers).set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition(&place.topic, place.partition);
    let committed = consumer.committed_offsets(list, BROKER_LIMIT)?;
    Ok(committed.elements().iter().any(|element| matches!(element.offset(), Offset::Offset(next) if next > place.offset)))
}
