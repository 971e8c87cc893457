use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::client;
use crate::{Config, RecordPosition};

/// How long a request to the broker may take.
const BROKER_TIMEOUT: Duration = Duration::from_secs(10);

/// The subset of these records that the consumer group has not committed. Blocks.
pub fn unfinished(
    config: &Config,
    group: &str,
    places: &BTreeSet<RecordPosition>,
) -> Result<BTreeSet<RecordPosition>, KafkaError> {
    // With the id of the group, but never subscribed: not a member.
    let consumer: BaseConsumer = client(config)?.set("group.id", group).set("enable.auto.commit", "false").create()?;
    let partitions: BTreeSet<_> = places.iter().map(|place| (place.topic.as_str(), place.partition)).collect();
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        list.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(list, BROKER_TIMEOUT)?;
    let finished = |place: &RecordPosition| {
        let partition = committed.find_partition(&place.topic, place.partition);
        partition.is_some_and(|known| matches!(known.offset(), Offset::Offset(next) if next > place.offset))
    };
    Ok(places.iter().filter(|place| !finished(place)).cloned().collect())
}
