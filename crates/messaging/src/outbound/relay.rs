use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::Timestamp;
use events::{Envelope, TraceContext, excerpt};
use sqlx::{AssertSqlSafe, FromRow};
use store::{Leadership, Store};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::refused;
use crate::trace_links::TraceLinks;
use crate::{Config, Outbox, PublishBatch, PublishError, Publisher};

/// How often the leader polls the outbox without a signal, and the others try to become leader.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The pause after a failure.
const BACKOFF: Duration = Duration::from_millis(250);

/// Rejections after which an event is set aside: in its batch, and alone.
const ATTEMPTS: i64 = 2;

/// How long events in flight may take after the signal to stop; after that the next relay publishes them again.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

/// Publishes the events of the outbox. Of all relays on a store, one at a time is the leader and publishes.
pub(crate) struct Relay {
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) publisher: Arc<dyn Publisher>,
    pub(crate) config: Config,
    pub(crate) source: String,
    pub(crate) trace_links: TraceLinks,
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
    /// The number of the oldest rows from which this batch was chosen.
    looked: i64,
}

impl Relay {
    /// Runs until `stop`.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let turn = async {
                let Some(lead) = self.wait_for_leadership(stop).await? else { return Ok(()) };
                self.publish_as_leader(lead, stop).await
            };
            let outcome: Result<(), sqlx::Error> = tokio::select! {
                biased;
                outcome = turn => outcome,
                () = drained(stop) => return,
            };
            if let Err(error) = outcome {
                tracing::warn!(%error, "the relay lost the store");
                stop.run_until_cancelled(sleep(BACKOFF)).await;
            }
        }
    }

    /// Forwards signals to the leader until this relay becomes the leader, or until `stop`.
    async fn wait_for_leadership(&self, stop: &CancellationToken) -> Result<Option<Leadership>, sqlx::Error> {
        let acquire = async {
            loop {
                match self.store.try_acquire_leadership("outbox").await {
                    Ok(None) => sleep(POLL_INTERVAL).await,
                    outcome => return outcome,
                }
            }
        };
        tokio::select! {
            biased;
            lead = acquire => lead,
            // One future for the whole time: dropping it could lose a signal.
            () = self.outbox.wake().forward() => Ok(None),
            () = stop.cancelled() => Ok(None),
        }
    }

    /// Publishes until the outbox is empty after `stop`, or the leadership is lost with the store.
    pub(crate) async fn publish_as_leader(
        &self,
        mut lead: Leadership,
        stop: &CancellationToken,
    ) -> Result<(), sqlx::Error> {
        let wake = self.outbox.wake();
        let publish = async {
            loop {
                match self.publish_batch(&mut lead).await? {
                    Progress::More => {}
                    Progress::Refused => sleep(BACKOFF).await,
                    Progress::Empty if stop.is_cancelled() => return Ok(()),
                    Progress::Empty => {
                        stop.run_until_cancelled(timeout(POLL_INTERVAL, wake.signalled())).await;
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

    /// Publishes the oldest events, one per key, and deletes those that the broker has acknowledged.
    async fn publish_batch(&self, lead: &mut Leadership) -> Result<Progress, sqlx::Error> {
        let (rows, more) = self.next_batch(lead).await?;
        if rows.is_empty() {
            return Ok(Progress::Empty);
        }
        let mut outcomes = self.publish(&rows).await;
        let refused_twice = self.publish_refused_alone(&rows, &mut outcomes).await;
        let done = rows.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        let done: Vec<i64> = done.map(|(row, _)| row.seq).collect();
        metrics::counter!("outbox_published_total").increment(done.len() as u64);
        delete(lead, &done).await?;
        for (row, reason) in &refused_twice {
            self.set_aside(lead, row, reason).await?;
        }
        let waiting = rows.len() - done.len() - refused_twice.len();
        if waiting == 0 {
            return Ok(if more { Progress::More } else { Progress::Empty });
        }
        if let Some(error) = outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(error = excerpt(&error.to_string()), refused = waiting, "events stay in the outbox");
        }
        Ok(Progress::Refused)
    }

    /// Publishes these rows as one batch.
    async fn publish(&self, rows: &[Row]) -> Vec<Result<(), PublishError>> {
        let batch = PublishBatch { events: rows.iter().map(|row| self.envelope(row)).collect() };
        let spans: Vec<_> =
            batch.events.iter().map(|(topic, event)| self.trace_links.begin(topic, event, event.time)).collect();
        let outcomes = self.publisher.publish(batch).await;
        let published = spans.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        published.filter_map(|(span, _)| span).for_each(|span| self.trace_links.published(span));
        outcomes
    }

    /// Publishes each permanently rejected event again, alone. Returns those that are rejected again, with the reason.
    ///
    /// A broker rejects a batch as a whole, so an event may be rejected because of another one in its batch.
    async fn publish_refused_alone<'a>(
        &self,
        rows: &'a [Row],
        outcomes: &mut [Result<(), PublishError>],
    ) -> Vec<(&'a Row, String)> {
        let mut refused = Vec::new();
        for (row, outcome) in rows.iter().zip(outcomes) {
            if !matches!(outcome, Err(error) if !error.is_transient()) {
                continue;
            }
            let alone = self.publish(std::slice::from_ref(row)).await.into_iter().next();
            // A missing outcome is no rejection.
            *outcome = alone.unwrap_or_else(|| Err(PublishError::Transient("no answer".to_owned())));
            if let Err(PublishError::Permanent(reason)) = outcome {
                refused.push((row, reason.clone()));
            }
        }
        refused
    }

    async fn set_aside(&self, lead: &mut Leadership, row: &Row, reason: &str) -> Result<(), sqlx::Error> {
        refused::set_aside(lead, row.seq, (reason, ATTEMPTS), self.outbox.now()).await?;
        metrics::counter!("outbox_refused_total").increment(1);
        let (event, topic, kind) = (&row.event_id, &row.topic, &row.kind);
        let (case, reason) = (excerpt(&row.subject), excerpt(reason));
        tracing::error!(event, topic, kind, %case, %reason, bytes = row.data.len(), "the broker refuses an event for good");
        Ok(())
    }

    /// The oldest row of each key among the oldest rows, and whether there are more rows. The database adds up the sizes, so
    /// that rows beyond the maximum bytes of a batch are not loaded. A single row is loaded whatever its size.
    ///
    /// No position is kept between batches: transactions commit out of the order of their numbers, so a row below that
    /// position would be lost. The rows of one key are in order, because its transactions wait for each other.
    async fn next_batch(&self, lead: &mut Leadership) -> Result<(Vec<Row>, bool), sqlx::Error> {
        let mut session = lead.session().await?;
        let most = self.config.outbox_batch;
        // A literal, because the query planner does not know the value of a bound limit.
        let sql = format!(
            "SELECT o.seq, event_id, topic, subject, kind, happened_at, trace, data, looked FROM outbox o JOIN ( \
             SELECT seq, size, SUM(size) OVER (ORDER BY seq) AS total, COUNT(*) OVER () AS looked FROM ( \
             SELECT seq, octet_length(data) + octet_length(subject) AS size FROM outbox ORDER BY seq LIMIT {most}) \
             AS oldest) AS wave ON wave.seq = o.seq WHERE total <= $1 OR total = size ORDER BY o.seq"
        );
        let bytes = i64::from(self.config.outbox_batch_bytes);
        let mut rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(sql)).bind(bytes).fetch_all(&mut *session).await?;
        let looked = rows.first().map_or(0, |row| row.looked);
        let mut keys = HashSet::with_capacity(rows.len());
        rows.retain(|row| keys.insert((row.topic.clone(), row.subject.clone())));
        let more = looked >= most || usize::try_from(looked).is_ok_and(|looked| rows.len() < looked);
        Ok((rows, more))
    }

    fn envelope(&self, row: &Row) -> (String, Envelope) {
        let envelope = Envelope {
            id: row.event_id.clone(),
            source: self.source.clone(),
            kind: row.kind.clone(),
            subject: row.subject.clone(),
            time: Timestamp::from_micros(row.happened_at),
            trace: row.trace.as_deref().and_then(TraceContext::parse),
            data: row.data.clone(),
        };
        (row.topic.clone(), envelope)
    }
}

async fn drained(stop: &CancellationToken) {
    stop.cancelled().await;
    sleep(DRAIN_TIMEOUT).await;
}

enum Progress {
    Empty,
    More,
    Refused,
}

async fn delete(lead: &mut Leadership, seqs: &[i64]) -> Result<(), sqlx::Error> {
    if seqs.is_empty() {
        return Ok(());
    }
    let list = seqs.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let mut session = lead.session().await?;
    // The text differs each time: a prepared statement would only fill the cache.
    let sql = AssertSqlSafe(format!("DELETE FROM outbox WHERE seq IN ({list})"));
    sqlx::query(sql).persistent(false).execute(&mut *session).await.map(drop)
}
