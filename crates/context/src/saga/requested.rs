use std::time::Duration;

use ambient::Positive;
use axum::http::StatusCode;
use chassis::problem::Problem;
use events::Offer;
use store::Row;

use crate::saga::Definition;

/// A resource that a client requests, and a saga establishes: under an id that the client has chosen, or one that is drawn.
///
/// The rules are those of the domain: [`Offer::decide`].
pub trait Requested: Definition {
    /// The rows of the resource, in all phases of the saga.
    type Row: Row<Key = i64>;

    /// What a client requests.
    type Offer: Offer<State = <Self::Row as Row>::State, Attempt = Self::Attempt, Established = Self::Established>;

    /// The resource once it is established.
    type Established: From<Self::Attempt> + Into<<Self::Row as Row>::State> + Send + 'static;

    /// The counter of requests that ended without a resource, by reason.
    const REFUSED_TOTAL: &'static str;

    /// 409: the id stands for a different request.
    const DIFFERENT: &'static str;

    /// The status if an idempotency key stands for another request. 422 by draft-ietf-httpapi-idempotency-key-header, section
    /// 2.7.
    const KEY_REUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

    /// 409: the id belongs to another client.
    const TAKEN: &'static str = "this id is taken: choose another one, or leave it out";

    /// Whether an equal request may be repeated without an idempotency key: then it is answered with what was established.
    /// Otherwise it is a different one: the id is not that of the request.
    const REPEATABLE: bool = true;

    /// 503: a participant is unavailable, or its reply is unknown.
    const UNAVAILABLE: &'static str;

    /// 504, as a title: whether the resource is established is not known.
    const UNDECIDED: &'static str;

    /// The response if a participant declines.
    fn declined(reason: Self::Reason) -> Problem;
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOutcome<E, R> {
    /// It is established, by this request.
    Established(E),
    /// It was established before.
    Known(E),
    /// A different request was established before.
    Different,
    /// The idempotency key stands for another request.
    KeyReused,
    /// The id belongs to another client.
    Taken,
    /// A participant declines, for this reason.
    Declined(R),
    /// A participant is unavailable. Nothing is established; what may have been done is compensated.
    Unavailable(Duration),
    /// The store failed while it was being established: it is established, or will be compensated.
    Undecided(Positive),
}

/// The outcome of a request of `D`.
pub type RequestOutcomeOf<D> = RequestOutcome<<D as Requested>::Established, <D as Definition>::Reason>;

impl<E, R> RequestOutcome<E, R> {
    /// The resource, and whether it had been there before; or the problem.
    pub fn into_result<D: Requested<Established = E, Reason = R>>(self) -> Result<(E, bool), Problem> {
        match self {
            Self::Established(established) => Ok((established, false)),
            Self::Known(established) => Ok((established, true)),
            Self::Different => Err(Problem::conflict(D::DIFFERENT)),
            Self::Taken => Err(Problem::conflict(D::TAKEN)),
            Self::KeyReused => Err(key_reused(D::KEY_REUSED)),
            Self::Declined(reason) => Err(D::declined(reason)),
            Self::Unavailable(retry_after) => Err(Problem::unavailable(D::UNAVAILABLE, retry_after)),
            Self::Undecided(id) => {
                let detail = format!("request {} again: it is established once, or compensated", id.get());
                Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", D::UNDECIDED).detail(detail))
            }
        }
    }

    /// The problems that every such resource has.
    pub(crate) fn problems<D: Requested<Established = E, Reason = R>>() -> impl Iterator<Item = Problem> {
        let undecided = Positive::new(5000).map(Self::Undecided);
        let outcomes = [Self::Different, Self::Taken, Self::KeyReused, Self::Unavailable(Duration::from_secs(1))];
        outcomes.into_iter().chain(undecided).filter_map(|outcome| outcome.into_result::<D>().err())
    }
}

fn key_reused(status: StatusCode) -> Problem {
    Problem::new(status, "idempotency-key-reused", "The Idempotency-Key is already used")
        .detail("this Idempotency-Key stands for another request: send this one under another key")
}
