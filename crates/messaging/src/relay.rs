use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::Timestamp;
use async_trait::async_trait;
use events::{Envelope, TraceContext};
use sqlx::{AssertSqlSafe, FromRow};
use store::{Lead, Store};
use thiserror::Error;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::follow::Follower;
use crate::{Config, Outbox};

/// The leader looks this often though nobody woke it, and the others ask this often whether it is still there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The pause after a failure.
const BACKOFF: Duration = Duration::from_millis(250);

/// What is under way when the process is told to end may take this long to arrive; then the next relay sends it again.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// Events that are under way at the same time: at most one of each key.
#[derive(Debug, Default)]
pub struct Wave {
    /// In their order, each with its topic.
    pub events: Vec<(String, Envelope)>,
}

/// Why an event was not published.
#[derive(Debug, Clone, Error)]
#[error("{0}")]
pub struct PublishError(pub String);

/// Takes events to the broker.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes all events of the wave, and tells of each, in their order, whether the broker has it for good.
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>>;
}

/// Publishes what is in the outbox. Of all relays on a store one does it at a time.
pub(crate) struct Relay {
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) publisher: Arc<dyn Publisher>,
    pub(crate) config: Config,
    pub(crate) source: String,
    pub(crate) follower: Follower,
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    event_id: String,
    topic: String,
    subject: String,
    kind: String,
    happened_at: i64,
    trace: Option<String>,
    data: String,
}

impl Relay {
    /// Runs until `stop`.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let turn = async {
                let Some(lead) = self.follow(stop).await? else { return Ok(()) };
                self.lead(lead, stop).await
            };
            let outcome: Result<(), sqlx::Error> = tokio::select! {
                biased;
                outcome = turn => outcome,
                () = last_moment(stop) => return,
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "the relay lost the store");
                stop.run_until_cancelled(sleep(BACKOFF)).await;
            }
        }
    }

    /// Wakes the relay that leads, until that one is gone and this one leads, or until `stop`.
    async fn follow(&self, stop: &CancellationToken) -> Result<Option<Lead>, sqlx::Error> {
        let ask = async {
            loop {
                match self.store.try_lead("outbox").await {
                    Ok(None) => sleep(LOOK_AGAIN).await,
                    outcome => return outcome,
                }
            }
        };
        tokio::select! {
            biased;
            lead = ask => lead,
            // One future for the whole time: a signal that is on its way must not be dropped.
            () = self.outbox.wake().forward() => Ok(None),
            () = stop.cancelled() => Ok(None),
        }
    }

    /// Publishes as the only one, until `stop` finds the outbox empty or the store is lost.
    pub(crate) async fn lead(&self, mut lead: Lead, stop: &CancellationToken) -> Result<(), sqlx::Error> {
        let wake = self.outbox.wake();
        let publish = async {
            loop {
                match self.publish_wave(&mut lead).await? {
                    Progress::More => {}
                    Progress::Refused => sleep(BACKOFF).await,
                    Progress::Empty if stop.is_cancelled() => return Ok(()),
                    Progress::Empty => {
                        stop.run_until_cancelled(timeout(LOOK_AGAIN, wake.signalled())).await;
                        sleep(self.config.outbox_linger).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            ended = publish => ended,
            () = wake.listen() => Ok(()),
        }
    }

    /// Publishes the oldest events, one of each key, and forgets those that the broker has.
    async fn publish_wave(&self, lead: &mut Lead) -> Result<Progress, sqlx::Error> {
        let (rows, more) = self.next_wave(lead).await?;
        if rows.is_empty() {
            return Ok(Progress::Empty);
        }
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let wave = Wave { events: rows.into_iter().map(|row| self.envelope(row)).collect() };
        let steps: Vec<_> =
            wave.events.iter().map(|(topic, event)| self.follower.step(topic, event, event.time)).collect();
        let outcomes = self.publisher.publish(wave).await;
        let published = steps.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        published.filter_map(|(step, _)| step).for_each(|step| self.follower.published(step));
        let done: Vec<i64> =
            seqs.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(seq, _)| *seq).collect();
        if let Some(error) = outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(%error, refused = seqs.len() - done.len(), "events stay in the outbox");
        }
        metrics::counter!("outbox_published_total").increment(done.len() as u64);
        forget(lead, &done).await?;
        Ok(if done.len() < seqs.len() {
            Progress::Refused
        } else if more {
            Progress::More
        } else {
            Progress::Empty
        })
    }

    /// The oldest row of each key among the oldest rows, and whether there are more rows.
    ///
    /// No position is remembered: transactions commit out of the order of their numbers, and a row below a remembered
    /// position would be lost. A key's rows are in order, as its transactions wait for each other.
    async fn next_wave(&self, lead: &mut Lead) -> Result<(Vec<Row>, bool), sqlx::Error> {
        let mut session = lead.session().await?;
        let sql =
            "SELECT seq, event_id, topic, subject, kind, happened_at, trace, data FROM outbox ORDER BY seq LIMIT $1";
        let mut rows: Vec<Row> = sqlx::query_as(sql).bind(self.config.outbox_wave).fetch_all(&mut *session).await?;
        let seen = rows.len();
        let full = usize::try_from(self.config.outbox_wave).is_ok_and(|wave| seen >= wave);
        let mut keys = HashSet::with_capacity(seen);
        rows.retain(|row| keys.insert((row.topic.clone(), row.subject.clone())));
        let more = rows.len() < seen || full;
        Ok((rows, more))
    }

    fn envelope(&self, row: Row) -> (String, Envelope) {
        let envelope = Envelope {
            id: row.event_id,
            source: self.source.clone(),
            kind: row.kind,
            subject: row.subject,
            time: Timestamp::from_micros(row.happened_at),
            trace: row.trace.as_deref().and_then(TraceContext::parse),
            data: row.data,
        };
        (row.topic, envelope)
    }
}

async fn last_moment(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(LAST_MOMENT).await;
}

enum Progress {
    Empty,
    More,
    Refused,
}

async fn forget(lead: &mut Lead, seqs: &[i64]) -> Result<(), sqlx::Error> {
    if seqs.is_empty() {
        return Ok(());
    }
    let list = seqs.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let mut session = lead.session().await?;
    // Numbers only, and another text each time: a plan that is kept would only fill the cache.
    let sql = AssertSqlSafe(format!("DELETE FROM outbox WHERE seq IN ({list})"));
    sqlx::query(sql).persistent(false).execute(&mut *session).await.map(drop)
}
