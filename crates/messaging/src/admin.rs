//! For those who operate a fleet: read topics as they stand, and send dead letters again.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use clap::{Args as _, FromArgMatches as _};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use crate::dead_letters::REDRIVEN_FOR;
use crate::kafka::{client, send};
use crate::{Config, DeadLetter, LetterEntry, Place, Record, Redriven, Security};

/// What the functions here fail with.
pub use rdkafka::error::KafkaError;

/// How long the broker may take to answer.
const BROKER_LIMIT: Duration = Duration::from_secs(10);

/// How often, and how soon, a partition without a leader is asked for again: two seconds in all.
const LEADER_TRIES: u32 = 20;
const LEADER_PAUSE: Duration = Duration::from_millis(100);

/// The settings of someone who belongs to no context: this broker and this fleet, and no environment variable.
pub fn config(brokers: &str, security: &Security, fleet: &str) -> Result<Config, clap::Error> {
    let command = Config::augment_args(clap::Command::new("fleet")).mut_args(|arg| arg.env(None));
    let matches = command.try_get_matches_from(["fleet", "--kafka-brokers", brokers, "--fleet", fleet])?;
    Ok(Config { security: security.clone(), ..Config::from_arg_matches(&matches)? })
}

/// The one context that a record is for, if it was sent again; the others pass it over.
pub fn redriven_for(record: &Record) -> Option<String> {
    record.header(REDRIVEN_FOR).map(|context| String::from_utf8_lossy(context).into_owned())
}

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
    pub fn new(config: &Config, topics: &[String], from: From) -> Result<Self, KafkaError> {
        let consumer: BaseConsumer = client(config)?
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
                let (low, high) = bounds(&consumer, topic, partition.id())?;
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
            // librdkafka goes on trying.
            Some(Err(error)) if is_away(&error) => Ok(None),
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
        self.each(|record| records.push(record))?;
        Ok(records)
    }

    /// Hands on each record up to the ends that the partitions had at the beginning: all at once they may be too many.
    pub fn each(&mut self, mut take: impl FnMut(Record)) -> Result<(), KafkaError> {
        while !self.caught_up() {
            match self.next(BROKER_LIMIT)? {
                Some(record) => take(record),
                None => return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)),
            }
        }
        Ok(())
    }
}

/// Where a partition begins and ends. One that was made a moment ago may have no leader that knows of it yet.
fn bounds(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    for _ in 0..LEADER_TRIES {
        match consumer.fetch_watermarks(topic, partition, BROKER_LIMIT) {
            Err(KafkaError::MetadataFetch(code)) if has_no_leader(code) => sleep(LEADER_PAUSE),
            bounds => return bounds,
        }
    }
    consumer.fetch_watermarks(topic, partition, BROKER_LIMIT)
}

fn has_no_leader(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

/// The dead letters of a context that have not been sent again, oldest first. Blocks.
pub fn dead_letters(config: &Config, context: &str) -> Result<Vec<DeadLetter>, KafkaError> {
    let topic = config.dead_letter_topic(context);
    let records = Reader::new(config, &[topic], From::Beginning)?.rest()?;
    Ok(open_letters(&records))
}

/// The dead letters among these records of a dead-letter topic that have not been sent again, by where they stood.
pub fn open_letters(records: &[Record]) -> Vec<DeadLetter> {
    open(records.iter().filter_map(LetterEntry::read))
}

/// What is open after these entries. A letter and the notes about it have one key, so they are read in their order; a
/// letter that comes again after its note, because a view was rebuilt, is open again.
fn open(entries: impl Iterator<Item = LetterEntry>) -> Vec<DeadLetter> {
    let mut letters = BTreeMap::new();
    for entry in entries {
        match entry {
            LetterEntry::Dead(letter) => drop(letters.insert(letter.place.clone(), letter)),
            LetterEntry::Redriven(note) => drop(letters.remove(&note.letter)),
        }
    }
    letters.into_values().collect()
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
    let place = send(config, &letter.place.topic, &letter.record(context)).await?;
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
    send(config, &config.dead_letter_topic(context), &record).await?;
    Ok(place)
}

/// Those of these records that the group has not finished. Blocks.
pub fn unfinished(config: &Config, group: &str, places: &BTreeSet<Place>) -> Result<BTreeSet<Place>, KafkaError> {
    // It asks as a member would, without becoming one.
    let consumer: BaseConsumer = client(config)?.set("group.id", group).set("enable.auto.commit", "false").create()?;
    let partitions: BTreeSet<_> = places.iter().map(|place| (place.topic.as_str(), place.partition)).collect();
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(list, BROKER_LIMIT)?;
    let finished = |place: &Place| {
        let partition = committed.find_partition(&place.topic, place.partition);
        partition.is_some_and(|known| matches!(known.offset(), Offset::Offset(next) if next > place.offset))
    };
    Ok(places.iter().filter(|place| !finished(place)).cloned().collect())
}

fn is_away(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut, Resolve};
    let KafkaError::MessageConsumption(code) = error else { return false };
    matches!(code, AllBrokersDown | BrokerTransportFailure | OperationTimedOut | Resolve)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64) -> DeadLetter {
        let place = Place { topic: "fleet.crane".to_owned(), partition: 0, offset };
        let record = Record { place, key: vec![], headers: vec![], payload: vec![] };
        DeadLetter::of(&record, "no".to_owned(), 1)
    }

    #[test]
    fn a_letter_is_open_until_it_was_sent_again_and_open_again_when_it_dies_again() {
        let dead = |offset| LetterEntry::Dead(letter(offset));
        let sent = |from, to| LetterEntry::Redriven(Redriven { letter: letter(from).place, place: letter(to).place });
        let left = |entries: Vec<LetterEntry>| open(entries.into_iter());
        assert_eq!(left(vec![dead(2), dead(1), dead(2)]), [letter(1), letter(2)]);
        assert_eq!(left(vec![dead(1), sent(1, 9)]), []);
        assert_eq!(left(vec![dead(1), sent(1, 9), dead(9)]), [letter(9)]);
        assert_eq!(left(vec![dead(1), sent(1, 9), dead(1)]), [letter(1)]);
    }

    #[test]
    fn whoever_belongs_to_no_context_names_the_topics_as_the_contexts_do() {
        let config = config("k1:9092,k2:9092", &Security::default(), "harbour").unwrap();
        assert_eq!((config.kafka_brokers.as_str(), config.fleet.as_str()), ("k1:9092,k2:9092", "harbour"));
        assert_eq!(config.dead_letter_topic("crane"), "harbour.crane.dead-letters");
        assert!(super::config("k:1", &Security::default(), "har bour").is_err());
    }
}
