use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use futures_util::FutureExt;
use store::{Store, is_transient};
use thiserror::Error;
use tokio::time::sleep;

use crate::dead_letters::REDRIVEN_FOR;
use crate::follow::{Follower, Step};
use crate::{Config, DeadLetter, LetterEntry, Outbox, Policies, Received, Record, Saying, inbox};

/// The longest pause between two attempts while the store is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Takes batches of records: inbox, state and outbox in one transaction.
pub(crate) struct Batches<P> {
    pub(crate) context: &'static str,
    pub(crate) policies: Arc<P>,
    pub(crate) store: Store,
    pub(crate) outbox: Outbox,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) follower: Follower,
    /// Says that the consumer lives: also while it waits for the store, which no new start of the process brings back.
    pub(crate) beat: Arc<dyn Fn() + Send + Sync>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Events applied now.
    pub applied: usize,
    /// Events that had been applied before.
    pub repeated: usize,
    /// Records that became dead letters.
    pub dead: usize,
}

/// A record that is one of our events.
struct Arrived<E> {
    record: Record,
    received: Received<E>,
    step: Option<Step>,
}

#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Store(#[from] sqlx::Error),
    #[error("the policy panicked")]
    Panic,
}

impl<P: Policies> Batches<P> {
    /// Takes records, and returns when each is applied, passed over or a dead letter. While the store is away, it waits.
    pub(crate) async fn take(&self, records: Vec<Record>) -> Taken {
        let (arrived, dead) = self.sort(records);
        let taken = match self.persist(&arrived, &dead, 1).await {
            Ok(taken) => taken,
            Err(failure) => {
                tracing::warn!(%failure, events = arrived.len(), "a batch failed; its events are tried one by one");
                self.one_by_one(arrived, &dead).await
            }
        };
        count(taken);
        taken
    }

    /// Our events, and what can never be one.
    fn sort(&self, records: Vec<Record>) -> (Vec<Arrived<P::Event>>, Vec<DeadLetter>) {
        let (mut arrived, mut dead) = (Vec::with_capacity(records.len()), Vec::new());
        for record in records {
            if record.header(REDRIVEN_FOR).is_some_and(|context| context != self.context.as_bytes()) {
                continue;
            }
            match self.read(&record) {
                Ok(Some(received)) => arrived.push(self.follow(record, received)),
                Ok(None) => {}
                Err(reason) => dead.push(DeadLetter::of(&record, reason, 1)),
            }
        }
        (arrived, dead)
    }

    fn read(&self, record: &Record) -> Result<Option<Received<P::Event>>, String> {
        let envelope = record.envelope().map_err(|error| error.to_string())?;
        let event = self.policies.decode(&envelope).map_err(|error| error.to_string())?;
        Ok(event.map(|event| Received { id: envelope.id, time: envelope.time, trace: envelope.trace, event }))
    }

    /// What is done because of this event becomes a part of its span, if there is to be one.
    fn follow(&self, record: Record, mut received: Received<P::Event>) -> Arrived<P::Event> {
        let followed = self.follower.is_on().then(|| record.envelope().ok()).flatten();
        let step = followed.and_then(|event| self.follower.step(&record.place.topic, &event, self.clock.now()));
        received.trace = step.as_ref().map(|step| step.trace).or(received.trace);
        Arrived { record, received, step }
    }

    async fn one_by_one(&self, arrived: Vec<Arrived<P::Event>>, dead: &[DeadLetter]) -> Taken {
        let mut taken = self.bury(dead).await;
        for one in arrived {
            let one = [one];
            let outcome = match self.persist(&one, &[], self.config.consumer_attempts).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    let [Arrived { record, received, .. }] = &one;
                    let (case, trace_id) =
                        (String::from_utf8_lossy(&record.key), received.trace.map(|trace| trace.trace_id()));
                    tracing::error!(place = %record.place, %case, trace_id, %failure, "an event becomes a dead letter");
                    let letter = DeadLetter::of(record, failure.to_string(), self.config.consumer_attempts);
                    self.bury(&[letter]).await
                }
            };
            taken.applied += outcome.applied;
            taken.repeated += outcome.repeated;
            taken.dead += outcome.dead;
        }
        taken
    }

    /// Writes dead letters, however long it takes: a letter that is given up is a record that is lost.
    async fn bury(&self, dead: &[DeadLetter]) -> Taken {
        loop {
            match self.persist(&[], dead, self.config.consumer_attempts).await {
                Ok(taken) => return taken,
                Err(failure) => {
                    tracing::error!(%failure, letters = dead.len(), "dead letters cannot be written; all waits");
                }
            }
            sleep(LONGEST_PAUSE).await;
        }
    }

    /// Tries until it is done, or has failed `attempts` times for a reason that waiting does not heal.
    async fn persist(
        &self,
        arrived: &[Arrived<P::Event>],
        dead: &[DeadLetter],
        attempts: u32,
    ) -> Result<Taken, Failure> {
        let (mut failed, mut pause) = (0, self.config.consumer_backoff);
        loop {
            let failure = match self.try_persist(arrived, dead).await {
                Ok(taken) => return Ok(taken),
                Err(failure) => failure,
            };
            if matches!(&failure, Failure::Store(error) if is_transient(error)) {
                tracing::warn!(%failure, "the store is away; events wait");
                (self.beat)();
            } else {
                failed += 1;
                if failed >= attempts {
                    return Err(failure);
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_persist(&self, arrived: &[Arrived<P::Event>], dead: &[DeadLetter]) -> Result<Taken, Failure> {
        if arrived.is_empty() && dead.is_empty() {
            return Ok(Taken::default());
        }
        let mut tx = self.store.begin().await?;
        let letters: Vec<String> = dead.iter().map(|letter| format!("dead {}", letter.place)).collect();
        let ids = arrived.iter().map(|one| one.received.id.as_str()).chain(letters.iter().map(String::as_str));
        // Removed when used: an event that is twice in one batch is new only once.
        let mut new = inbox::remember(&mut tx, &self.store, ids, self.clock.now()).await?;
        let (steps, fresh): (Vec<_>, Vec<_>) = arrived
            .iter()
            .filter(|one| new.remove(&one.received.id))
            .map(|one| (one.step.clone(), one.received.clone()))
            .unzip();
        let mut saying = Saying::default();
        if !fresh.is_empty() {
            let apply = self.policies.apply(&mut tx, &fresh, &self.outbox, &mut saying);
            AssertUnwindSafe(apply).catch_unwind().await.map_err(|_| Failure::Panic)??;
        }
        let mut buried = 0;
        for (letter, id) in dead.iter().zip(&letters).filter(|(_, id)| new.contains(*id)) {
            let entry = LetterEntry::Dead(letter.clone()).encode().map_err(|e| sqlx::Error::Encode(e.into()))?;
            tracing::error!(letter = %id, reason = %letter.reason, "a record is a dead letter");
            self.outbox.add(&mut saying, &self.config.dead_letter_topic(self.context), letter.key(), entry, None);
            buried += 1;
        }
        self.outbox.commit(tx, saying).await?;
        steps.into_iter().flatten().for_each(|step| self.follower.applied(step));
        if !fresh.is_empty() {
            self.policies.applied(&fresh).await;
        }
        Ok(Taken { applied: fresh.len(), repeated: arrived.len() - fresh.len(), dead: buried })
    }
}

fn count(taken: Taken) {
    for (outcome, events) in [("applied", taken.applied), ("repeated", taken.repeated), ("dead", taken.dead)] {
        if events > 0 {
            metrics::counter!("consumer_events_total", "outcome" => outcome).increment(events as u64);
        }
    }
}
