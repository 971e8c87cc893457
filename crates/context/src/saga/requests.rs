use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Positive, Subject};
use axum::extract::FromRef;
use chassis::problem::Problem;
use chassis::trace::correlate;
use chassis::{Host, Scope};
use events::{Decision, Offer as _, TraceContext};
use store::idempotency::{self, Claim};
use store::sqlx::Error;
use tokio::time::{Instant, sleep};

use crate::saga::{Outcome, Participant, RequestOutcome, RequestOutcomeOf, Requested, Saga, SagaSettings};
use crate::{Parts, Repository, run_to_completion, start_purging};

/// The interval at which a request checks whether another one for the same id is decided.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a request waits for another one for the same id.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(2);

/// When a client may repeat a request that has waited so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The requests of a resource that a saga establishes.
pub struct Requests<D: Requested> {
    saga: Arc<Saga<D>>,
    rows: Repository<D::Row>,
    host: Host,
}

/// A valid request.
#[derive(Debug, Clone)]
pub struct Request<O> {
    /// The id that the client has chosen.
    pub id: Option<Positive>,
    /// What it requests.
    pub offer: O,
    /// The idempotency key.
    pub key: Option<String>,
}

impl<D: Requested> Clone for Requests<D> {
    fn clone(&self) -> Self {
        Self { saga: Arc::clone(&self.saga), rows: self.rows.clone(), host: self.host.clone() }
    }
}

impl<D: Requested> FromRef<Requests<D>> for Repository<D::Row> {
    fn from_ref(requests: &Requests<D>) -> Self {
        requests.rows.clone()
    }
}

impl<S> Parts<S> {
    /// The requests of a saga with these participants. Starts the recovery, and the purge of idempotency keys.
    pub fn requests<D: Requested, P: Participant<D> + 'static>(
        &self,
        participants: Vec<P>,
        settings: &SagaSettings,
    ) -> anyhow::Result<Requests<D>> {
        settings.check()?;
        let (outbox, after) = (self.messaging.outbox(), settings.compensate_after);
        let participants = participants.into_iter().map(|participant| Arc::new(participant) as Arc<dyn Participant<D>>);
        let participants = participants.collect();
        let saga = Arc::new(Saga::new(participants, &self.store, outbox, &self.host, after)?);
        saga.start_recovery(&self.host, settings.compensate_every);
        start_purging(&self.store, &self.host, settings.idempotency_retention);
        Ok(Requests::new(saga, self.repository(), &self.host))
    }
}

impl<D: Requested> Requests<D> {
    /// The requests of `saga`, whose table has the rows of `rows`.
    pub fn new(saga: Arc<Saga<D>>, rows: Repository<D::Row>, host: &Host) -> Self {
        metrics::describe_counter!(D::REFUSED_TOTAL, format!("{}: requests that were refused, by reason", D::NAME));
        Self { saga, rows, host: host.clone() }
    }

    /// The rows.
    pub const fn rows(&self) -> &Repository<D::Row> {
        &self.rows
    }

    /// Executes a request, to its end even if the client disconnects: otherwise it would have to be compensated. Returns
    /// the resource, and whether it had been there before.
    pub async fn execute(
        &self,
        request: Request<D::Offer>,
        trace: TraceContext,
    ) -> Result<(D::Established, bool), Problem> {
        let requests = self.clone();
        let outcome = run_to_completion(&self.host, async move {
            let Request { id, offer, key } = request;
            match (key, id) {
                (Some(key), id) => requests.request_with_key(&key, id, &offer, trace).await,
                (None, Some(id)) => Ok(match requests.request(id, &offer, trace).await? {
                    RequestOutcome::Known(_) if !D::REPEATABLE => RequestOutcome::Different,
                    outcome => outcome,
                }),
                (None, None) => requests.request_new(&offer, trace).await,
            }
        });
        outcome.await?.into_result::<D>()
    }

    /// Requests the resource under an id that the client has chosen.
    pub async fn request(
        &self,
        id: Positive,
        offer: &D::Offer,
        trace: TraceContext,
    ) -> Result<RequestOutcomeOf<D>, Error> {
        correlate(id.get());
        let outcome = self.run(id, offer, trace).await?;
        match &outcome {
            RequestOutcome::Declined(_) => metrics::counter!(D::REFUSED_TOTAL, "reason" => "declined").increment(1),
            RequestOutcome::Unavailable(_) => count_unavailable::<D>(),
            _ => {}
        }
        Ok(outcome)
    }

    async fn run(&self, id: Positive, offer: &D::Offer, trace: TraceContext) -> Result<RequestOutcomeOf<D>, Error> {
        let deadline = Instant::now() + WAIT_FOR_OTHER;
        let unavailable_for = self.saga.unavailable_for();
        // As a rule the id is new. Its row is read only if the attempt cannot begin, or if it may have more than the attempt.
        let is_read = unavailable_for.is_some() || D::TABLE.keep.is_some();
        let mut known = if is_read { self.find(id).await? } else { None };
        loop {
            match offer.decide(known.as_ref(), id, self.rows.now()) {
                Decision::Begin(attempt) => match self.saga.run(attempt, trace).await? {
                    Outcome::Occupied => {}
                    Outcome::Established(attempt) => {
                        return Ok(RequestOutcome::Established(attempt.into()));
                    }
                    Outcome::Declined(reason) => return Ok(RequestOutcome::Declined(reason)),
                    Outcome::Unavailable(retry_after) => return Ok(RequestOutcome::Unavailable(retry_after)),
                    Outcome::Undecided => return Ok(RequestOutcome::Undecided(id)),
                },
                Decision::InProgress => match unavailable_for {
                    Some(retry_after) => return Ok(RequestOutcome::Unavailable(retry_after)),
                    None if Instant::now() >= deadline => return Ok(RequestOutcome::Unavailable(RETRY_AFTER)),
                    None => sleep(POLL_INTERVAL).await,
                },
                Decision::Known(established) => return Ok(RequestOutcome::Known(established)),
                Decision::Different => return Ok(RequestOutcome::Different),
                Decision::Taken => return Ok(RequestOutcome::Taken),
            }
            known = self.find(id).await?;
        }
    }

    /// Requests the resource under an id that is drawn.
    pub async fn request_new(&self, offer: &D::Offer, trace: TraceContext) -> Result<RequestOutcomeOf<D>, Error> {
        loop {
            match self.request(self.draw_id()?, offer, trace).await? {
                // The id was drawn or chosen before.
                RequestOutcome::Known(_) | RequestOutcome::Different | RequestOutcome::Taken => {}
                outcome => return Ok(outcome),
            }
        }
    }

    /// Requests the resource under an idempotency key: the same key of a client stands for the same request, with an id
    /// or without.
    ///
    /// The key is claimed first. If the process dies then, the key stands for the request that the client repeats.
    pub async fn request_with_key(
        &self,
        key: &str,
        id: Option<Positive>,
        offer: &D::Offer,
        trace: TraceContext,
    ) -> Result<RequestOutcomeOf<D>, Error> {
        let (key, content) = (scoped(key, offer.owner()), content(id, &offer.content()));
        let claim = match self.fail_fast(id, offer).await? {
            None => Ok(self.claim(&key, &content, id).await?),
            Some(retry_after) => idempotency::claimed(self.rows.store(), &key, &content).await?.ok_or(retry_after),
        };
        match claim {
            Ok(Claim::Granted(claimed)) => self.request(stored_id(claimed)?, offer, trace).await,
            Ok(Claim::UsedForOther) => Ok(RequestOutcome::KeyReused),
            Err(retry_after) => {
                count_unavailable::<D>();
                Ok(RequestOutcome::Unavailable(retry_after))
            }
        }
    }

    /// Claims a key for the id of the request, or for one that is not used yet.
    async fn claim(&self, key: &str, content: &str, id: Option<Positive>) -> Result<Claim, Error> {
        let mut proposed = id.map_or_else(|| self.draw_id(), Ok)?;
        while id.is_none() && self.find(proposed).await?.is_some() {
            proposed = self.draw_id()?;
        }
        idempotency::claim(self.rows.store(), key, content, proposed.get(), self.rows.now()).await
    }

    /// While a participant is known to be unavailable, a new key is not stored, unless the request needs no participant.
    async fn fail_fast(&self, id: Option<Positive>, offer: &D::Offer) -> Result<Option<Duration>, Error> {
        let Some(retry_after) = self.saga.unavailable_for() else { return Ok(None) };
        let Some(id) = id else { return Ok(Some(retry_after)) };
        let decision = offer.decide(self.find(id).await?.as_ref(), id, self.rows.now());
        Ok(matches!(decision, Decision::Begin(_) | Decision::InProgress).then_some(retry_after))
    }

    /// The row of an id in any phase and of any owner.
    async fn find(&self, id: Positive) -> Result<Option<<D::Row as store::Row>::State>, Error> {
        self.rows.find(&id.get(), &Scope::All).await
    }

    fn draw_id(&self) -> Result<Positive, Error> {
        stored_id(self.host.ids().number())
    }
}

fn stored_id(number: i64) -> Result<Positive, Error> {
    Positive::new(number).map_err(|error| Error::Decode(error.into()))
}

fn count_unavailable<D: Requested>() {
    metrics::counter!(D::REFUSED_TOTAL, "reason" => "unavailable").increment(1);
}

/// The idempotency key in the scope of its client.
///
/// Neither keys nor names of subjects contain a line break. A key that was used while authentication was disabled is
/// stored without a subject.
fn scoped<'k>(key: &'k str, owner: Option<&Subject>) -> Cow<'k, str> {
    owner.map_or(Cow::Borrowed(key), |owner| format!("{key}\n{}", owner.as_str()).into())
}

/// The request that an idempotency key stands for, in one form.
fn content(id: Option<Positive>, content: &str) -> String {
    id.map_or_else(|| content.to_owned(), |id| format!("{content} as {}", id.get()))
}
