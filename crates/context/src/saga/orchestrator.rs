use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, Timestamp};
use chassis::Host;
use events::TraceContext;
use messaging::Outbox;
use store::Store;
use store::sqlx::Error;
use thiserror::Error as ThisError;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::saga::store::SagaStore;
use crate::saga::{Definition, Participant, Phase, Recovery, Reply};

/// How long the outcome of an attempt is looked for while the store is unavailable.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The interval at which it is looked for.
const RESOLVE_INTERVAL: Duration = Duration::from_millis(20);

/// When a client may repeat a request if nothing else is known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A saga of a context: it runs attempts, and recovers those that were left behind.
pub struct Saga<D: Definition> {
    pub(crate) store: SagaStore<D>,
    pub(crate) participants: Vec<Arc<dyn Participant<D>>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) recovery: Arc<Notify>,
    recover_after: Duration,
}

/// The outcome of an attempt, as its client may learn it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<A, R> {
    /// It is established, and its event is stored for publication.
    Established(A),
    /// The key is occupied by an attempt that is not void, or by a later one. Nothing was done.
    Occupied,
    /// A participant has declined. Steps that were done are compensated.
    Declined(R),
    /// A participant is unavailable. It is not established and will not be; what was done is compensated.
    Unavailable(Duration),
    /// It is not known yet whether it will be established.
    Undecided,
}

/// The outcome of an attempt at the saga `D`.
pub type OutcomeOf<D> = Outcome<<D as Definition>::Attempt, <D as Definition>::Reason>;

/// A definition that cannot be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
pub enum DefinitionError {
    /// Each step has one participant.
    #[error("the saga has {steps} steps and {participants} participants")]
    Participants {
        /// The steps of the definition.
        steps: usize,
        /// The participants that were passed.
        participants: usize,
    },
    /// Several steps, and no column for the step that was reached.
    #[error("a saga of several steps has a column for the step that was reached")]
    NoStepColumn,
}

impl<D: Definition> Saga<D> {
    /// A saga with these participants, one per step. `outbox` is that of the same store. A request that takes longer than
    /// `recover_after` for one step loses its attempt to the recovery: it must be longer than the time limit of a call.
    ///
    /// # Errors
    ///
    /// If the definition cannot be run with these participants.
    pub fn new(
        participants: Vec<Arc<dyn Participant<D>>>,
        store: &Store,
        outbox: Outbox,
        host: &Host,
        recover_after: Duration,
    ) -> Result<Self, DefinitionError> {
        let steps = D::STEPS.len();
        if steps == 0 || steps != participants.len() {
            return Err(DefinitionError::Participants { steps, participants: participants.len() });
        }
        if steps > 1 && D::TABLE.step.is_none() {
            return Err(DefinitionError::NoStepColumn);
        }
        metrics::describe_counter!(D::ESTABLISHED_TOTAL, format!("{}: established attempts", D::NAME));
        let store = SagaStore::new(store, outbox);
        let (clock, ids, recovery) = (host.clock(), host.ids(), Arc::default());
        Ok(Self { store, participants, clock, ids, recovery, recover_after })
    }

    /// How long a new attempt would be rejected: a participant is known to be unavailable.
    pub fn unavailable_for(&self) -> Option<Duration> {
        self.participants.iter().filter_map(|participant| participant.unavailable_for()).max()
    }

    /// Runs an attempt. While a participant is known to be unavailable, nothing is written and nothing is called.
    ///
    /// The caller may drop the future at any time: the recovery takes the attempt over.
    ///
    /// # Errors
    ///
    /// If the store fails. The attempt is not established, and will not be. With [`Recovery::Forward`] it may be stored all the
    /// same and is then completed, so it is undecided.
    pub async fn run(&self, attempt: D::Attempt, trace: TraceContext) -> Result<OutcomeOf<D>, Error> {
        match self.try_run(attempt, trace).await {
            Err(error) if D::RECOVERY == Recovery::Forward => {
                tracing::warn!(saga = D::NAME, %error, "the store failed, and an attempt may be stored");
                Ok(Outcome::Undecided)
            }
            outcome => outcome,
        }
    }

    async fn try_run(&self, mut attempt: D::Attempt, trace: TraceContext) -> Result<OutcomeOf<D>, Error> {
        if let Some(retry_after) = self.unavailable_for() {
            return Ok(Outcome::Unavailable(retry_after));
        }
        if !self.store.begin(&attempt, self.retry_at()).await? {
            return Ok(Outcome::Occupied);
        }
        for (step, participant) in self.participants.iter().enumerate() {
            match participant.execute(&mut attempt, &trace).await {
                Reply::Done => {}
                reply => return self.stop(&attempt, step, reply).await,
            }
            match self.store.step_done(&attempt, (Phase::Pending, step), self.retry_at(), trace).await {
                Ok(true) => {}
                Ok(false) => return self.taken_over(&attempt).await,
                Err(error) => return Ok(self.resolve(&attempt, &error).await),
            }
        }
        Ok(Outcome::Established(attempt))
    }

    /// A step is not done.
    async fn stop(&self, attempt: &D::Attempt, step: usize, reply: Reply<D::Reason>) -> Result<OutcomeOf<D>, Error> {
        let outcome = match reply {
            Reply::Declined(reason) => Outcome::Declined(reason),
            Reply::NotSent(retry_after) if step == 0 || D::RECOVERY == Recovery::Backward => {
                Outcome::Unavailable(retry_after)
            }
            Reply::NotSent(_) | Reply::Unknown | Reply::Done => return self.give_up(attempt).await,
        };
        let stopped = if step == 0 {
            self.store.delete(attempt).await?
        } else {
            self.hand_over(attempt, Phase::Compensating).await?
        };
        // The recovery may have completed the attempt, or the participant may have declined what is compensated.
        if stopped { Ok(outcome) } else { self.taken_over(attempt).await }
    }

    /// The outcome of a step is unknown: leaves the attempt to the recovery, unless it is not pending any more.
    async fn give_up(&self, attempt: &D::Attempt) -> Result<OutcomeOf<D>, Error> {
        let (to, outcome) = match D::RECOVERY {
            Recovery::Backward => (Phase::Compensating, Outcome::Unavailable(RETRY_AFTER)),
            Recovery::Forward => (Phase::Completing, Outcome::Undecided),
        };
        if self.hand_over(attempt, to).await? { Ok(outcome) } else { self.taken_over(attempt).await }
    }

    async fn hand_over(&self, attempt: &D::Attempt, to: Phase) -> Result<bool, Error> {
        let changed = self.store.hand_over(attempt, to, self.clock.now()).await?;
        if changed {
            self.recovery.notify_one();
        }
        Ok(changed)
    }

    /// The attempt is not pending any more.
    async fn taken_over(&self, attempt: &D::Attempt) -> Result<OutcomeOf<D>, Error> {
        let Some(stored) = self.store.find(attempt).await? else { return Ok(Outcome::Unavailable(RETRY_AFTER)) };
        Ok(match stored.phase {
            Phase::Established => Outcome::Established(stored.attempt),
            Phase::Pending | Phase::Completing => Outcome::Undecided,
            Phase::Compensating | Phase::Void => Outcome::Unavailable(RETRY_AFTER),
        })
    }

    /// The store failed after a step was done: its commit may have succeeded. The client must not be answered that there
    /// is nothing while it is established. So it is handed over unless it is established.
    async fn resolve(&self, attempt: &D::Attempt, error: &Error) -> OutcomeOf<D> {
        tracing::warn!(saga = D::NAME, %error, "the store failed while an attempt was stored");
        let deadline = Instant::now() + RESOLVE_TIMEOUT;
        loop {
            match self.give_up(attempt).await {
                Ok(outcome) => return outcome,
                Err(_) if Instant::now() >= deadline => return Outcome::Undecided,
                Err(_) => sleep(RESOLVE_INTERVAL).await,
            }
        }
    }

    fn retry_at(&self) -> Timestamp {
        self.clock.now().plus(self.recover_after)
    }
}
