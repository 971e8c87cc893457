use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use chassis::Scope;
use chassis::trace::about;
use events::TraceContext;
use match_contract::MatchEvent;
use match_domain::{Case, Established, MatchId, Offer, Student, request};
use store::Page;
use store::idempotency::Claim;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::ports::{Approval, Payments};
use crate::store::MatchStore;

/// How often a request looks whether another one for the same id is decided.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a request waits for another one for the same id.
const WAIT_FOR_OTHER: Duration = Duration::from_secs(2);

/// How long it is tried to find out what became of a match while the store is away.
const FIND_OUT: Duration = Duration::from_secs(5);

/// When a client may come back if nothing else is known.
const COME_BACK: Duration = Duration::from_secs(1);

/// Counts requests that were answered with no match, by reason.
const REFUSED: &str = "matches_refused_total";

/// What the match context can do.
pub struct App {
    matches: MatchStore,
    payments: Arc<dyn Payments>,
    recovery: Arc<Notify>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    settle_after: Duration,
}

/// What came of a request for a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// It is established and paid, by this request.
    Established(Established),
    /// It had been before.
    Known(Established),
    /// It had been before, at another price; or the idempotency key stands for another price.
    OtherPrice,
    /// The idempotency key was used with another price.
    KeyReused,
    /// The id is not free, and what it stands for is not for this student.
    Taken,
    /// Payment declines, for this reason.
    Declined(String),
    /// Payment gave no answer in time, or could not be asked. No match; what may have been paid is paid back.
    Unavailable(Duration),
    /// The store was lost while the match was being established, and is still away: it is established, or will be undone.
    Undecided(MatchId),
}

/// What came of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Canceled {
    /// It is cancelled, now or before.
    Yes(Established),
    /// There is no such match, as far as whoever asks may know.
    Unknown,
}

impl App {
    /// The use cases, on these parts. `recovery` wakes the recovery task.
    pub fn new(
        matches: MatchStore,
        payments: Arc<dyn Payments>,
        recovery: Arc<Notify>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        settle_after: Duration,
    ) -> Self {
        metrics::describe_counter!(REFUSED, "Requests that ended without a match, by reason");
        Self { matches, payments, recovery, clock, ids, settle_after }
    }

    /// A student asks for a match under an id of the student's own choice.
    pub async fn request(&self, id: MatchId, offer: &Offer, trace: TraceContext) -> Result<Requested, sqlx::Error> {
        about(id.get());
        let requested = self.decide(id, offer, trace).await?;
        match &requested {
            Requested::Declined(_) => metrics::counter!(REFUSED, "reason" => "declined").increment(1),
            Requested::Unavailable(_) => metrics::counter!(REFUSED, "reason" => "unavailable").increment(1),
            _ => {}
        }
        Ok(requested)
    }

    async fn decide(&self, id: MatchId, offer: &Offer, trace: TraceContext) -> Result<Requested, sqlx::Error> {
        if let Some(known) = self.pointless(id, offer).await? {
            return Ok(known);
        }
        let deadline = Instant::now() + WAIT_FOR_OTHER;
        // As a rule the id is new: what stands in its way is looked up only if something does.
        let mut next = request(None, id, offer, self.clock.now());
        loop {
            match next {
                match_domain::Requested::Begin(case) => {
                    let settle_at = self.clock.now().plus(self.settle_after);
                    if self.matches.begin(&case, settle_at).await? {
                        return self.pay(case, trace).await;
                    }
                }
                match_domain::Requested::Known(established) => return Ok(Requested::Known(established)),
                match_domain::Requested::OtherPrice => return Ok(Requested::OtherPrice),
                match_domain::Requested::Taken => return Ok(Requested::Taken),
                match_domain::Requested::InProgress if Instant::now() >= deadline => {
                    return Ok(Requested::Unavailable(COME_BACK));
                }
                match_domain::Requested::InProgress => sleep(LOOK_AGAIN).await,
            }
            let known = self.matches.find(id).await?;
            next = request(known.as_ref(), id, offer, self.clock.now());
        }
    }

    /// A student leaves the choice of the id to us. The same `key` of a student always means the same match.
    pub async fn request_new(
        &self,
        offer: &Offer,
        key: Option<&str>,
        trace: TraceContext,
    ) -> Result<Requested, sqlx::Error> {
        let mut id = self.ids.number();
        if let Some(key) = key {
            // While payment refuses, a new key is not even written down.
            let claim = match self.payments.refusal() {
                None => Ok(self.matches.claim(key, offer, id, self.clock.now()).await?),
                Some(retry_after) => self.matches.claimed(key, offer).await?.ok_or(retry_after),
            };
            match claim {
                Ok(Claim::Granted(claimed)) => id = claimed,
                Ok(Claim::UsedForOther) => return Ok(Requested::KeyReused),
                Err(retry_after) => {
                    metrics::counter!(REFUSED, "reason" => "unavailable").increment(1);
                    return Ok(Requested::Unavailable(retry_after));
                }
            }
        }
        let id = MatchId::new(id).map_err(|error| sqlx::Error::Decode(error.into()))?;
        match self.request(id, offer, trace).await? {
            // Another process drew the same number: draw again. (With a key, it is ours.)
            Requested::Known(_) | Requested::OtherPrice | Requested::Taken if key.is_none() => {
                Box::pin(self.request_new(offer, key, trace)).await
            }
            requested => Ok(requested),
        }
    }

    /// While payment refuses, a request is answered without a trace in the store; a match that exists is shown.
    async fn pointless(&self, id: MatchId, offer: &Offer) -> Result<Option<Requested>, sqlx::Error> {
        let Some(retry_after) = self.payments.refusal() else { return Ok(None) };
        let known = self.matches.find(id).await?;
        Ok(Some(match request(known.as_ref(), id, offer, self.clock.now()) {
            match_domain::Requested::Known(established) => Requested::Known(established),
            match_domain::Requested::OtherPrice => Requested::OtherPrice,
            match_domain::Requested::Taken => Requested::Taken,
            match_domain::Requested::Begin(_) | match_domain::Requested::InProgress => {
                Requested::Unavailable(retry_after)
            }
        }))
    }

    /// Asks payment for an attempt that is written down as pending, and writes down what came of it.
    async fn pay(&self, case: Case, trace: TraceContext) -> Result<Requested, sqlx::Error> {
        match self.payments.approve(&case, &trace).await {
            Approval::Approved => {
                let (established, event) = case.establish();
                match self.matches.establish(&established, event, trace).await {
                    Ok(true) => Ok(Requested::Established(established)),
                    // Too late: the recovery has taken the attempt over and gives the money back.
                    Ok(false) => Ok(Requested::Unavailable(COME_BACK)),
                    Err(error) => Ok(self.find_out(&established.case, &error).await),
                }
            }
            Approval::Declined(reason) => {
                self.matches.forget(&case).await?;
                Ok(Requested::Declined(reason))
            }
            Approval::NotAsked(retry_after) => {
                self.matches.forget(&case).await?;
                Ok(Requested::Unavailable(retry_after))
            }
            Approval::Unknown => self.give_up(&case).await,
        }
    }

    /// The store failed while a match was being established: its answer may be lost, but not its commit. Whoever is told
    /// that there is no match must be told the truth, so it is undone unless it was established.
    async fn find_out(&self, case: &Case, error: &sqlx::Error) -> Requested {
        tracing::warn!(%error, "the store was lost while a match was being established");
        let deadline = Instant::now() + FIND_OUT;
        loop {
            match self.give_up(case).await {
                Ok(decided) => return decided,
                Err(_) if Instant::now() >= deadline => return Requested::Undecided(case.id),
                Err(_) => sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Leaves an attempt to the recovery, which undoes it; unless it is established after all.
    async fn give_up(&self, case: &Case) -> Result<Requested, sqlx::Error> {
        if self.matches.give_up(case, self.clock.now()).await? {
            self.recovery.notify_one();
            return Ok(Requested::Unavailable(COME_BACK));
        }
        Ok(match self.matches.find(case.id).await? {
            Some(match_domain::Match::Established(found)) if found.case == *case => Requested::Established(found),
            _ => Requested::Unavailable(COME_BACK),
        })
    }

    /// A student cancels: `None` may do so with every match, as the fleet runs open.
    pub async fn cancel(
        &self,
        id: MatchId,
        student: Option<&Student>,
        trace: TraceContext,
    ) -> Result<Canceled, sqlx::Error> {
        let cancel = |established: &mut Established| established.cancel().map(MatchEvent::MatchCanceled);
        let canceled = self.matches.change(id, student, trace, cancel).await?;
        Ok(canceled.map_or(Canceled::Unknown, Canceled::Yes))
    }

    /// An established match, if it is in this scope.
    pub async fn find(&self, id: MatchId, scope: &Scope) -> Result<Option<Established>, sqlx::Error> {
        let seen = |found: &Established| scope.includes(found.case.student.as_ref().map(Student::as_str));
        Ok(match self.matches.find(id).await? {
            Some(match_domain::Match::Established(established)) => Some(established).filter(seen),
            _ => None,
        })
    }

    /// Established matches in this scope after `after`, by id.
    pub async fn page(&self, scope: &Scope, after: i64, size: i64) -> Result<Page<Established>, sqlx::Error> {
        self.matches.page(scope, after, size).await
    }
}
