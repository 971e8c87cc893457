use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use store::is_transient;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::batch::BatchProcessor;
use super::replay::{current_replay_id, replay_id};
use crate::{Broker, EventHandler, GroupMember, JoinError, ReceiveError, Record};

/// How often a consumer checks whether its view is to be rebuilt, and sends a heartbeat.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The pause before a group is joined again.
const BACKOFF: Duration = Duration::from_millis(500);

/// The pause after an error of the broker. Errors queue up before the records while the broker is unavailable: with a longer
/// pause, the consumer would work them off for minutes after the broker has returned.
const ERROR_PAUSE: Duration = Duration::from_millis(5);

/// Consumes the events of other contexts.
pub(crate) struct Consumer<P> {
    pub(crate) processor: BatchProcessor<P>,
    pub(crate) ids: Arc<Ids>,
    /// The topics to consume.
    pub(crate) topics: Vec<String>,
    pub(crate) broker: Arc<dyn Broker>,
}

impl<P: EventHandler> Consumer<P> {
    /// Runs until `stop`. The batch in progress is finished, and its offsets are committed.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.consume(stop).await {
                tracing::warn!(%error, "the consumer joins its group again");
                stop.run_until_cancelled(sleep(BACKOFF)).await;
            }
            (self.processor.heartbeat)();
        }
    }

    /// Consumes as a member of the group of the current replay id, until that changes.
    async fn consume(&self, stop: &CancellationToken) -> Result<(), ConsumerError> {
        let BatchProcessor { config, store, context, .. } = &self.processor;
        let replay = replay_id(store, &self.ids).await?;
        let group = format!("{}.{context}.{replay}", config.fleet);
        let member = self.broker.join(&group, &self.topics).await?;
        tracing::info!(group, "consuming");
        let ended = self.consume_as(member.as_ref(), &replay, stop).await;
        member.leave().await;
        ended
    }

    async fn consume_as(
        &self,
        member: &dyn GroupMember,
        replay: &str,
        stop: &CancellationToken,
    ) -> Result<(), ConsumerError> {
        let mut next_check = Instant::now() + POLL_INTERVAL;
        let mut records = Vec::new();
        while !stop.is_cancelled() {
            (self.processor.heartbeat)();
            if Instant::now() >= next_check {
                if !self.is_current(replay, !records.is_empty()).await? {
                    return Ok(());
                }
                next_check = Instant::now() + POLL_INTERVAL;
            }
            let fetched = stop.run_until_cancelled(self.fetch(member, next_check, &mut records)).await;
            let Some(fetched) = fetched else { break };
            fetched?;
            let (_, done) = self.processor.process_some(&records).await;
            member.store_offsets(next_offsets(&records[..done]));
            records.drain(..done);
        }
        Ok(())
    }

    /// Whether the replay id of the store is still this one. Counts as true while the store is unavailable and events are
    /// pending (`busy`): the consumer keeps the events and its membership.
    async fn is_current(&self, replay: &str, busy: bool) -> Result<bool, sqlx::Error> {
        match current_replay_id(&self.processor.store).await {
            Err(error) if busy && is_transient(&error) => Ok(true),
            current => Ok(current?.as_deref() == Some(replay)),
        }
    }

    /// Adds new records: waits for the first until `until`, then for more until the linger is over.
    ///
    /// Does not wait if records of the previous batch are left. It still polls the broker once, which would otherwise remove
    /// the consumer from its group; only with two full batches of records left it does not.
    async fn fetch(
        &self,
        member: &dyn GroupMember,
        until: Instant,
        records: &mut Vec<Record>,
    ) -> Result<(), ReceiveError> {
        let config = &self.processor.config;
        let mut room = BatchRoom { records: config.consumer_batch as usize, bytes: config.consumer_batch_bytes };
        let mut polled = records.len() >= 2 * room.records;
        for record in records.iter() {
            room.fill(record);
        }
        let (mut deadline, mut warned) = (if records.is_empty() { until } else { Instant::now() }, false);
        while !polled || room.is_left() {
            polled = true;
            match timeout_at(deadline, member.next()).await {
                Ok(Ok(record)) => {
                    if records.is_empty() {
                        deadline = Instant::now() + config.consumer_linger;
                    }
                    room.fill(&record);
                    records.push(record);
                }
                Ok(Err(error @ ReceiveError::Fatal(_))) => return Err(error),
                Ok(Err(error)) => {
                    if !records.is_empty() {
                        break;
                    }
                    if !std::mem::replace(&mut warned, true) {
                        tracing::warn!(%error, "the broker delivers no records");
                    }
                    sleep(ERROR_PAUSE).await;
                }
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// The remaining room of a batch.
struct BatchRoom {
    records: usize,
    bytes: u64,
}

impl BatchRoom {
    fn fill(&mut self, record: &Record) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(record.size() as u64);
    }

    const fn is_left(&self) -> bool {
        self.records > 0 && self.bytes > 0
    }
}

/// The next offset to consume of each partition, once these records are processed.
fn next_offsets(records: &[Record]) -> BTreeMap<(String, i32), i64> {
    let mut next = BTreeMap::new();
    for record in records {
        let next = next.entry((record.place.topic.clone(), record.place.partition)).or_insert(0);
        *next = record.place.offset.max(*next - 1) + 1;
    }
    next
}

#[derive(Debug, thiserror::Error)]
enum ConsumerError {
    #[error("the broker: {0}")]
    Join(#[from] JoinError),
    #[error("the broker: {0}")]
    Receive(#[from] ReceiveError),
    #[error("the store: {0}")]
    Store(#[from] sqlx::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordPosition;

    #[test]
    fn the_next_offset_is_one_past_the_last_record_of_each_partition() {
        let record = |partition, offset| Record::empty(RecordPosition { topic: "t".into(), partition, offset });
        let next = next_offsets(&[record(0, 4), record(1, 9), record(0, 5)]);
        assert_eq!(next, BTreeMap::from([(("t".to_owned(), 0), 6), (("t".to_owned(), 1), 10)]));
    }
}
