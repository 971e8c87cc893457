use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use events::excerpt;
use futures_util::FutureExt;
use store::{Store, is_transient};
use thiserror::Error;
use tokio::time::{Instant, sleep, sleep_until};

use super::dead_letters::REDRIVEN_FOR;
use super::inbox;
use crate::trace_links::{EventSpan, TraceLinks};
use crate::{Config, DeadLetter, EventHandler, LetterEntry, Outbox, Received, Record, StagedEvents};

/// The longest pause between two attempts while the store is unavailable.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Processes batches of records: inbox, state and outbox in one transaction.
pub(crate) struct BatchProcessor<P> {
    pub(crate) context: &'static str,
    pub(crate) policies: Arc<P>,
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) trace_links: TraceLinks,
    /// Called while the consumer is alive; also while it waits for the store, since a restart of the process would not help.
    pub(crate) heartbeat: Arc<dyn Fn() + Send + Sync>,
}

/// The outcome of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchOutcome {
    /// Events that were applied.
    pub applied: usize,
    /// Events that had been applied before: duplicates.
    pub repeated: usize,
    /// Records that became dead letters.
    pub dead: usize,
}

/// A record as the context sees it.
enum Decoded<E> {
    /// An event to apply.
    Event(TracedEvent<E>),
    /// Not an event, or one that cannot be applied.
    Dead(DeadLetter),
    /// A record that became a dead letter in an earlier delivery.
    AlreadyDead,
    /// For another context, or of an unknown type.
    Skipped,
}

/// An event, and its span if spans are exported.
struct TracedEvent<E> {
    received: Received<E>,
    span: Option<EventSpan>,
}

#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Store(#[from] sqlx::Error),
    #[error("the policy panicked")]
    Panic,
    #[error("the store was unavailable until the deadline")]
    Deadline,
}

impl Failure {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if is_transient(error))
    }
}

impl BatchOutcome {
    fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.repeated += other.repeated;
        self.dead += other.dead;
    }
}

impl<P: EventHandler> BatchProcessor<P> {
    /// Processes records until each is applied, skipped or a dead letter. Waits while the store is unavailable.
    pub(crate) async fn process(&self, mut records: Vec<Record>) -> BatchOutcome {
        let mut outcome = BatchOutcome::default();
        while !records.is_empty() {
            let (some, done) = self.process_some(&records).await;
            outcome.add(some);
            records.drain(..done);
        }
        outcome
    }

    /// Processes records in their order, for at most the time of a batch. Returns the number of records done.
    ///
    /// A batch is retried only if the store is unavailable. Other failures are caused by a record: the batch is halved until
    /// that record is alone, and it becomes a dead letter.
    pub(crate) async fn process_some(&self, records: &[Record]) -> (BatchOutcome, usize) {
        let until = Instant::now() + self.config.consumer_batch_time;
        let mut decoded: Vec<_> = records.iter().map(|record| self.decode(record)).collect();
        let (mut outcome, mut done, mut failed) = (BatchOutcome::default(), 0, false);
        // A stack: the next part is the last element.
        let mut parts: Vec<Range<usize>> = std::iter::once(0..records.len()).collect();
        while let Some(part) = parts.pop() {
            match self.persist(&decoded[part.clone()], until).await {
                Ok(some) => {
                    outcome.add(some);
                    done = part.end;
                }
                Err(Failure::Deadline) => break,
                Err(failure) if part.len() > 1 => {
                    if !std::mem::replace(&mut failed, true) {
                        tracing::warn!(failure = excerpt(&failure.to_string()), events = part.len(), "a batch failed");
                        self.mark_already_dead(records, &mut decoded).await;
                    }
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(failure) => {
                    let letter = self.letter(&records[part.start], excerpt(&failure.to_string()));
                    decoded[part.start] = Decoded::Dead(letter);
                    parts.push(part);
                }
            }
            (self.heartbeat)();
            if done > 0 && Instant::now() >= until {
                break;
            }
        }
        record_metrics(outcome);
        (outcome, done)
    }

    fn decode(&self, record: &Record) -> Decoded<P::Event> {
        if record.header(REDRIVEN_FOR).is_some_and(|context| context != self.context.as_bytes()) {
            return Decoded::Skipped;
        }
        match self.decode_event(record) {
            Ok(Some(received)) => Decoded::Event(self.begin_span(record, received)),
            Ok(None) => Decoded::Skipped,
            Err(reason) => Decoded::Dead(self.letter(record, reason)),
        }
    }

    fn letter(&self, record: &Record, reason: String) -> DeadLetter {
        DeadLetter::of(record, reason, 1).truncated_to(self.config.max_letter_bytes())
    }

    fn decode_event(&self, record: &Record) -> Result<Option<Received<P::Event>>, String> {
        let envelope = record.envelope().map_err(|error| error.to_string())?;
        // Only its context may append to a topic. The source decides how the event is decoded, so it must agree.
        if self.config.topic(envelope.context()) != record.place.topic {
            return Err(format!(
                "its source is \"{}\", which does not publish to this topic",
                excerpt(&envelope.source)
            ));
        }
        let decoded = catch_unwind(AssertUnwindSafe(|| self.policies.decode(&envelope)));
        let event = decoded.map_err(|_| Failure::Panic.to_string())?.map_err(|error| error.to_string())?;
        Ok(event.map(|event| Received { id: envelope.id, time: envelope.time, trace: envelope.trace, event }))
    }

    /// Begins the span of the event, if spans are exported, as the parent of the spans that the event causes.
    fn begin_span(&self, record: &Record, mut received: Received<P::Event>) -> TracedEvent<P::Event> {
        let envelope = self.trace_links.is_enabled().then(|| record.envelope().ok()).flatten();
        let span = envelope.and_then(|event| self.trace_links.begin(&record.place.topic, &event, self.clock.now()));
        received.trace = span.as_ref().map(|span| span.trace).or(received.trace);
        TracedEvent { received, span }
    }

    /// Marks the records that are dead letters already. They are delivered again if the process ended before the offset was
    /// committed, and would fail again, one by one.
    async fn mark_already_dead(&self, records: &[Record], decoded: &mut [Decoded<P::Event>]) {
        let keys: Vec<String> = records.iter().map(|record| inbox::dead_letter_key(&record.place)).collect();
        match inbox::existing(&self.store, &keys).await {
            Ok(known) => {
                let dead = decoded.iter_mut().zip(&keys).filter(|(_, key)| known.contains(*key));
                dead.for_each(|(one, _)| *one = Decoded::AlreadyDead);
            }
            Err(error) => tracing::warn!(%error, "the known dead letters cannot be read"),
        }
    }

    /// Retries while the store is unavailable, until `until`. Fails at once for any other reason.
    async fn persist(&self, part: &[Decoded<P::Event>], until: Instant) -> Result<BatchOutcome, Failure> {
        let mut pause = self.config.consumer_backoff;
        loop {
            let failure = match self.try_persist(part).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let shown = excerpt(&failure.to_string());
            if failure.is_transient() {
                tracing::warn!(failure = shown, "the store is away; events wait");
            } else if matches!(part, [Decoded::Dead(_)]) {
                // To give up on a dead letter would lose its record.
                tracing::error!(failure = shown, "a dead letter cannot be written; the consumer waits");
            } else {
                return Err(failure);
            }
            (self.heartbeat)();
            if Instant::now() + pause >= until {
                sleep_until(until).await;
                return Err(Failure::Deadline);
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_BACKOFF);
        }
    }

    async fn try_persist(&self, part: &[Decoded<P::Event>]) -> Result<BatchOutcome, Failure> {
        let (mut events, mut letters, mut already_dead) = (Vec::new(), Vec::new(), 0);
        for one in part {
            match one {
                Decoded::Event(event) => events.push(event),
                Decoded::Dead(letter) => letters.push((letter, inbox::dead_letter_key(&letter.place))),
                Decoded::AlreadyDead => already_dead += 1,
                Decoded::Skipped => {}
            }
        }
        if events.is_empty() && letters.is_empty() {
            return Ok(BatchOutcome { repeated: already_dead, ..BatchOutcome::default() });
        }
        let mut tx = self.store.begin().await?;
        let ids =
            events.iter().map(|event| event.received.id.as_str()).chain(letters.iter().map(|(_, id)| id.as_str()));
        // An id is removed when it is used: an event that is twice in one batch is new only once.
        let mut new = inbox::insert(&mut tx, &self.store, ids, self.clock.now()).await?;
        let (spans, fresh): (Vec<_>, Vec<_>) = events
            .iter()
            .filter(|event| new.remove(&event.received.id))
            .map(|event| (event.span.clone(), event.received.clone()))
            .unzip();
        let mut pending = StagedEvents::default();
        if !fresh.is_empty() {
            let apply = self.policies.apply(&mut tx, &fresh, &self.outbox, &mut pending);
            AssertUnwindSafe(apply).catch_unwind().await.map_err(|_| Failure::Panic)??;
        }
        let mut dead = 0;
        for (letter, _) in letters.iter().filter(|(_, id)| new.contains(id)) {
            self.dead_letter(letter, &mut pending)?;
            dead += 1;
        }
        self.outbox.commit(tx, pending).await?;
        spans.into_iter().flatten().for_each(|span| self.trace_links.applied(span));
        self.notify(&fresh).await;
        Ok(BatchOutcome { applied: fresh.len(), repeated: already_dead + events.len() - fresh.len(), dead })
    }

    fn dead_letter(&self, letter: &DeadLetter, pending: &mut StagedEvents) -> Result<(), sqlx::Error> {
        let entry = LetterEntry::Dead(letter.clone()).encode().map_err(|e| sqlx::Error::Encode(e.into()))?;
        let case = excerpt(&letter.key());
        tracing::error!(letter = %letter.place, case, reason = excerpt(&letter.reason), "a record is a dead letter");
        self.outbox.stage_row(pending, &self.config.dead_letter_topic(self.context), letter.key(), entry, None);
        Ok(())
    }

    /// Notifies the context of committed events. A panic there undoes nothing.
    async fn notify(&self, fresh: &[Received<P::Event>]) {
        if !fresh.is_empty() && AssertUnwindSafe(self.policies.applied(fresh)).catch_unwind().await.is_err() {
            tracing::error!(events = fresh.len(), "the context panicked in `applied`");
        }
    }
}

fn record_metrics(outcome: BatchOutcome) {
    for (result, events) in [("applied", outcome.applied), ("repeated", outcome.repeated), ("dead", outcome.dead)] {
        if events > 0 {
            metrics::counter!("consumer_events_total", "outcome" => result).increment(events as u64);
        }
    }
}
