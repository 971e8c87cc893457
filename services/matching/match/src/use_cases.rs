use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, Subject};
use chassis::Scope;
use chassis::trace::correlate;
use context::saga::{Outcome, Saga};
use events::TraceContext;
use match_contract::MatchEvent;
use match_domain::{Decision, Established, Match, MatchId, Offer, decide};
use store::Page;
use store::idempotency::Claim;
use tokio::time::{Instant, sleep};

use crate::saga::RequestSaga;
use crate::store::MatchStore;

/// The interval at which a request checks whether another one for the same id is decided.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long a request waits for another one for the same id.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(2);

/// When a client may repeat a request that has waited so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Counts requests that ended without a match, by reason.
const REFUSED: &str = "matches_refused_total";

/// The use cases of the match context.
pub struct UseCases {
    matches: MatchStore,
    saga: Arc<Saga<RequestSaga>>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
}

/// The outcome of a request for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOutcome {
    /// It is established and paid, by this request.
    Established(Established),
    /// It was established before.
    Known(Established),
    /// It was established before, at another price.
    OtherPrice,
    /// The idempotency key stands for another request.
    KeyReused,
    /// The id belongs to another student.
    Taken,
    /// Payment declines, for this reason.
    Declined(String),
    /// Payment is unavailable. There is no match; what may have been paid is paid back.
    Unavailable(Duration),
    /// The store failed while the match was being established: it is established, or will be compensated.
    Undecided(MatchId),
}

/// The outcome of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It is cancelled, now or before.
    Canceled(Established),
    /// Its state is not the expected one. Nothing has changed.
    NotAsExpected,
    /// There is no such match, or it belongs to another student.
    Unknown,
}

impl UseCases {
    /// The use cases on these matches and this saga.
    pub fn new(matches: MatchStore, saga: Arc<Saga<RequestSaga>>, clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        metrics::describe_counter!(REFUSED, "Requests that ended without a match, by reason");
        Self { matches, saga, clock, ids }
    }

    /// Requests a match under an id that the student has chosen.
    pub async fn request(
        &self,
        id: MatchId,
        offer: &Offer,
        trace: TraceContext,
    ) -> Result<RequestOutcome, sqlx::Error> {
        correlate(id.get());
        let outcome = self.decide(id, offer, trace).await?;
        match &outcome {
            RequestOutcome::Declined(_) => metrics::counter!(REFUSED, "reason" => "declined").increment(1),
            RequestOutcome::Unavailable(_) => metrics::counter!(REFUSED, "reason" => "unavailable").increment(1),
            _ => {}
        }
        Ok(outcome)
    }

    async fn decide(&self, id: MatchId, offer: &Offer, trace: TraceContext) -> Result<RequestOutcome, sqlx::Error> {
        let deadline = Instant::now() + WAIT_FOR_OTHER;
        let unavailable_for = self.saga.unavailable_for();
        // As a rule the id is new. A match of that id is looked up only if the attempt cannot begin.
        let mut known = if unavailable_for.is_some() { self.matches.find(id).await? } else { None };
        loop {
            match decide(known.as_ref(), id, offer, self.clock.now()) {
                Decision::Begin(attempt) => match self.saga.run(attempt, trace).await? {
                    Outcome::Occupied => {}
                    Outcome::Established(attempt) => {
                        return Ok(RequestOutcome::Established(Established::new(attempt)));
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
                Decision::OtherPrice => return Ok(RequestOutcome::OtherPrice),
                Decision::Taken => return Ok(RequestOutcome::Taken),
            }
            known = self.matches.find(id).await?;
        }
    }

    /// Requests a match under an id that is drawn.
    pub async fn request_new(&self, offer: &Offer, trace: TraceContext) -> Result<RequestOutcome, sqlx::Error> {
        loop {
            match self.request(self.draw_id()?, offer, trace).await? {
                // The id was drawn or chosen before.
                RequestOutcome::Known(_) | RequestOutcome::OtherPrice | RequestOutcome::Taken => {}
                outcome => return Ok(outcome),
            }
        }
    }

    /// Requests a match under an idempotency key: the same key of a student stands for the same request, with an id or
    /// without.
    ///
    /// The key is claimed first. If the process dies then, the key stands for the request that the client repeats.
    pub async fn request_with_key(
        &self,
        key: &str,
        id: Option<MatchId>,
        offer: &Offer,
        trace: TraceContext,
    ) -> Result<RequestOutcome, sqlx::Error> {
        let claim = match self.fail_fast(id, offer).await? {
            None => Ok(self.claim(key, id, offer).await?),
            Some(retry_after) => self.matches.claimed(key, id, offer).await?.ok_or(retry_after),
        };
        match claim {
            Ok(Claim::Granted(claimed)) => self.request(match_id(claimed)?, offer, trace).await,
            Ok(Claim::UsedForOther) => Ok(RequestOutcome::KeyReused),
            Err(retry_after) => {
                metrics::counter!(REFUSED, "reason" => "unavailable").increment(1);
                Ok(RequestOutcome::Unavailable(retry_after))
            }
        }
    }

    /// Claims a key for the id of the request, or for one that is not used yet.
    async fn claim(&self, key: &str, id: Option<MatchId>, offer: &Offer) -> Result<Claim, sqlx::Error> {
        let mut proposed = id.map_or_else(|| self.draw_id(), Ok)?;
        while id.is_none() && self.matches.find(proposed).await?.is_some() {
            proposed = self.draw_id()?;
        }
        self.matches.claim(key, id, offer, proposed, self.clock.now()).await
    }

    fn draw_id(&self) -> Result<MatchId, sqlx::Error> {
        match_id(self.ids.number())
    }

    /// While payment is known to be unavailable, a new key is not stored, unless the request needs no payment.
    async fn fail_fast(&self, id: Option<MatchId>, offer: &Offer) -> Result<Option<Duration>, sqlx::Error> {
        let Some(retry_after) = self.saga.unavailable_for() else { return Ok(None) };
        let Some(id) = id else { return Ok(Some(retry_after)) };
        let known = self.matches.find(id).await?;
        let decision = decide(known.as_ref(), id, offer, self.clock.now());
        Ok(matches!(decision, Decision::Begin(_) | Decision::InProgress).then_some(retry_after))
    }

    /// Cancels a match. `student`: `None` may cancel every match, as authentication is disabled. `expected` is checked
    /// under the lock of the match.
    pub async fn cancel(
        &self,
        id: MatchId,
        student: Option<&Subject>,
        expected: impl FnOnce(&Established) -> bool,
        trace: TraceContext,
    ) -> Result<CancelOutcome, sqlx::Error> {
        let mut as_expected = true;
        let cancel = |now: &mut Established| {
            as_expected = expected(now);
            if as_expected { now.cancel().map(MatchEvent::MatchCanceled) } else { None }
        };
        let canceled = self.matches.change(id, student, trace, cancel).await?;
        let outcome = canceled.map_or(CancelOutcome::Unknown, CancelOutcome::Canceled);
        Ok(if as_expected { outcome } else { CancelOutcome::NotAsExpected })
    }

    /// An established match, if it is in this scope.
    pub async fn find(&self, id: MatchId, scope: &Scope) -> Result<Option<Established>, sqlx::Error> {
        Ok(match self.matches.find(id).await? {
            Some(Match::Established(established)) => {
                scope.includes(established.attempt.student.as_deref()).then_some(established)
            }
            _ => None,
        })
    }

    /// Established matches in this scope after `after`, by id.
    pub async fn page(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<Established>, sqlx::Error> {
        self.matches.page(scope, after, size).await
    }
}

fn match_id(number: i64) -> Result<MatchId, sqlx::Error> {
    MatchId::new(number).map_err(|error| sqlx::Error::Decode(error.into()))
}
