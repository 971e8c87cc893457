use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use store::Store;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::batch::Batches;
use crate::{Broker, JoinError, ListenError, Membership, Policies, Record};

/// How often a consumer looks whether its view is to be rebuilt, and says that it lives.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The pause before a group is joined again.
const BACKOFF: Duration = Duration::from_millis(500);

/// The pause after an error. While the broker is away they line up before its records: who takes a longer pause for each
/// hears nothing for minutes once the broker is back.
const BREATH: Duration = Duration::from_millis(5);

/// Feeds a context with the events of others.
pub(crate) struct Consumer<P> {
    pub(crate) batches: Batches<P>,
    pub(crate) ids: Arc<Ids>,
    /// The topics it listens to.
    pub(crate) listen: Vec<String>,
    pub(crate) broker: Arc<dyn Broker>,
}

impl<P: Policies> Consumer<P> {
    /// Runs until `stop`; what it has taken on then is finished and committed.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.consume(stop).await {
                tracing::warn!(%error, "the consumer begins again");
                stop.run_until_cancelled(sleep(BACKOFF)).await;
            }
            (self.batches.beat)();
        }
    }

    /// Consumes as a member of the group of the store's present generation, until that changes.
    async fn consume(&self, stop: &CancellationToken) -> Result<(), ConsumeError> {
        let Batches { config, store, context, .. } = &self.batches;
        let generation = generation(store, &self.ids).await?;
        let group = format!("{}.{context}.{generation}", config.fleet);
        let member = self.broker.join(&group, &self.listen).await?;
        tracing::info!(group, "consuming");
        let ended = self.consume_generation(member.as_ref(), &generation, stop).await;
        member.leave().await;
        ended
    }

    async fn consume_generation(
        &self,
        member: &dyn Membership,
        generation: &str,
        stop: &CancellationToken,
    ) -> Result<(), ConsumeError> {
        let mut look_again = Instant::now() + LOOK_AGAIN;
        while !stop.is_cancelled() {
            (self.batches.beat)();
            if Instant::now() >= look_again {
                if current_generation(&self.batches.store).await?.as_deref() != Some(generation) {
                    return Ok(());
                }
                look_again = Instant::now() + LOOK_AGAIN;
            }
            let Some(gathered) = stop.run_until_cancelled(self.gather(member, look_again)).await else { break };
            let records = gathered?;
            let ends = frontier(&records);
            self.batches.take(records).await;
            member.finish(ends);
        }
        Ok(())
    }

    /// The records that have arrived: waits for the first until `until`, then only as long as the linger for more.
    async fn gather(&self, member: &dyn Membership, until: Instant) -> Result<Vec<Record>, ListenError> {
        let mut records = Vec::new();
        let most = self.batches.config.consumer_batch as usize;
        let (mut deadline, mut told) = (until, false);
        while records.len() < most {
            match timeout_at(deadline, member.next()).await {
                Ok(Ok(record)) => {
                    if records.is_empty() {
                        deadline = Instant::now() + self.batches.config.consumer_linger;
                    }
                    records.push(record);
                }
                Ok(Err(error @ ListenError::Over(_))) => return Err(error),
                Ok(Err(error)) => {
                    if !records.is_empty() {
                        break;
                    }
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(%error, "the broker");
                    }
                    sleep(BREATH).await;
                }
                Err(_) => break,
            }
        }
        Ok(records)
    }
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

#[derive(Debug, thiserror::Error)]
enum ConsumeError {
    #[error("the broker: {0}")]
    Join(#[from] JoinError),
    #[error("the broker: {0}")]
    Listen(#[from] ListenError),
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
