use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ambient::Ids;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use store::Store;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::batch::Batches;
use crate::kafka::{Topics, client};
use crate::{Config, Policies, Record};

/// How often a consumer looks whether its view is to be rebuilt, and says that it lives.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The pause after the broker said no.
const BACKOFF: Duration = Duration::from_millis(500);

/// Feeds a context with the events of others.
pub(crate) struct Consumer<P> {
    pub(crate) batches: Batches<P>,
    pub(crate) ids: Arc<Ids>,
    /// The topics it listens to.
    pub(crate) listen: Vec<String>,
    pub(crate) topics: Topics,
    pub(crate) current: Current,
    pub(crate) beat: Box<dyn Fn() + Send + Sync>,
}

/// The group and the client that are in use now: for whoever asks how far they are.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Mutex<Option<Member>>>);

/// A consumer as a member of its group.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) group: String,
    pub(crate) consumer: Arc<StreamConsumer>,
    /// Asks the broker on a connection of its own: on the consumer's, a question waits until the fetch before it is
    /// answered, which is half a second when nothing comes.
    pub(crate) probe: Arc<BaseConsumer>,
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

impl<P: Policies> Consumer<P> {
    /// Runs until `stop`; what it has taken on then is finished and committed.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.consume(stop).await {
                tracing::warn!(%error, "the consumer begins again");
                stop.run_until_cancelled(sleep(BACKOFF)).await;
            }
            (self.beat)();
        }
    }

    /// Consumes as a member of the group of the store's present generation, until that changes.
    async fn consume(&self, stop: &CancellationToken) -> Result<(), ConsumeError> {
        let Batches { config, store, context, .. } = &self.batches;
        let generation = generation(store, &self.ids).await?;
        self.topics.ensure().await?;
        let group = format!("{}.{context}.{generation}", config.fleet);
        let consumer = Arc::new(subscribe(config, &group, &self.listen)?);
        let probe = Arc::new(client(&config.kafka_brokers).set("group.id", &group).create()?);
        tracing::info!(group, "consuming");
        self.current.set(Member { group, consumer: Arc::clone(&consumer), probe });
        let ended = self.consume_generation(&consumer, &generation, stop).await;
        let probe = self.current.take();
        // Leaving the group commits what is finished, and blocks; so does the end of the other client.
        let left = tokio::task::spawn_blocking(move || {
            let _ = consumer.commit_consumer_state(CommitMode::Sync);
            drop((consumer, probe));
        });
        let _ = left.await;
        ended
    }

    async fn consume_generation(
        &self,
        consumer: &StreamConsumer,
        generation: &str,
        stop: &CancellationToken,
    ) -> Result<(), ConsumeError> {
        let mut look_again = Instant::now() + LOOK_AGAIN;
        while !stop.is_cancelled() {
            (self.beat)();
            if Instant::now() >= look_again {
                if current_generation(&self.batches.store).await?.as_deref() != Some(generation) {
                    return Ok(());
                }
                look_again = Instant::now() + LOOK_AGAIN;
            }
            let Some(gathered) = stop.run_until_cancelled(self.gather(consumer, look_again)).await else { break };
            let records = gathered?;
            let ends = frontier(&records);
            self.batches.take(records).await;
            finish(consumer, ends);
        }
        Ok(())
    }

    /// The records that have arrived: waits for the first until `until`, then only as long as the linger for more.
    async fn gather(&self, consumer: &StreamConsumer, until: Instant) -> Result<Vec<Record>, KafkaError> {
        let mut records = Vec::new();
        let most = self.batches.config.consumer_batch as usize;
        let mut deadline = until;
        while records.len() < most {
            match timeout_at(deadline, consumer.recv()).await {
                Ok(Ok(message)) => {
                    if records.is_empty() {
                        deadline = Instant::now() + self.batches.config.consumer_linger;
                    }
                    records.push(Record::from(&message));
                }
                Ok(Err(error)) if ends_membership(&error) => return Err(error),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the broker");
                    if records.is_empty() {
                        sleep(BACKOFF).await;
                    }
                    break;
                }
                Err(_) => break,
            }
        }
        Ok(records)
    }
}

/// Whether only a new member of the group gets on. A topic that has just been created is not known to every broker at once,
/// and librdkafka would look again after its refresh interval only: what is said there would be heard half a minute late.
fn ends_membership(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageConsumptionFatal(_)
            | KafkaError::MessageConsumption(
                RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition
            )
    )
}

/// The end of each partition's part of the batch: all below it is finished once the batch is.
fn frontier(records: &[Record]) -> BTreeMap<(String, i32), i64> {
    let mut ends = BTreeMap::new();
    for record in records {
        let end = ends.entry((record.place.topic.clone(), record.place.partition)).or_insert(0);
        *end = record.place.offset.max(*end - 1) + 1;
    }
    ends
}

/// Marks the batch as finished; librdkafka commits what is marked from time to time, and when a partition is given away.
fn finish(consumer: &StreamConsumer, ends: BTreeMap<(String, i32), i64>) {
    for ((topic, partition), end) in ends {
        let mut list = TopicPartitionList::new();
        let marked = list
            .add_partition_offset(&topic, partition, Offset::Offset(end))
            .and_then(|()| consumer.store_offsets(&list));
        if let Err(error) = marked {
            // Given away in the meantime: its new owner gets the batch again and finds it in the inbox.
            tracing::debug!(%error, topic, partition, "not marked");
        }
    }
}

fn subscribe(config: &Config, group: &str, topics: &[String]) -> Result<StreamConsumer, KafkaError> {
    let consumer: StreamConsumer = client(&config.kafka_brokers)
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

#[derive(Debug, thiserror::Error)]
enum ConsumeError {
    #[error("the broker: {0}")]
    Broker(#[from] KafkaError),
    #[error("the store: {0}")]
    Store(#[from] sqlx::Error),
}

/// The store's generation; a new store gets one now.
async fn generation(store: &Store, ids: &Ids) -> Result<String, sqlx::Error> {
    if let Some(generation) = current_generation(store).await? {
        return Ok(generation);
    }
    let sql = "INSERT INTO consumer_generation (id, generation) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    sqlx::query(sql).bind(new_generation(ids)).execute(store.writer()).await?;
    current_generation(store).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn current_generation(store: &Store) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT generation FROM consumer_generation").fetch_optional(store.reader()).await
}

/// A name for a generation that no other store has.
pub(crate) fn new_generation(ids: &Ids) -> String {
    ids.uuid().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    #[test]
    fn the_frontier_is_one_past_the_last_record_of_each_partition() {
        let record = |partition, offset| Record {
            place: Place { topic: "t".into(), partition, offset },
            key: vec![],
            headers: vec![],
            payload: vec![],
        };
        let ends = frontier(&[record(0, 4), record(1, 9), record(0, 5)]);
        assert_eq!(ends, BTreeMap::from([(("t".to_owned(), 0), 6), (("t".to_owned(), 1), 10)]));
    }
}
