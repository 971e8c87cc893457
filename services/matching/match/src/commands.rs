//! What REST and gRPC have in common: roles, validation of requests, and problems.

use std::sync::Arc;

use ambient::Subject;
use axum::http::{HeaderMap, StatusCode};
use chassis::Host;
use chassis::body::required;
use chassis::problem::Problem;
use events::TraceContext;
use match_domain::{Established, MatchId, Offer, Price};

use crate::use_cases::{RequestOutcome, UseCases};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The maximum length of an idempotency key, in characters.
const MAX_KEY_LENGTH: usize = 255;

/// The role that requests matches, and sees and cancels its own.
pub const STUDENT: &str = "student";

/// The role that sees all matches.
pub const OPERATOR: &str = "operator";

/// The id of a match that may exist.
pub fn match_id(id: i64) -> Result<MatchId, Problem> {
    MatchId::new(id).map_err(|_| unknown(id))
}

/// There is no such match in the scope of the caller.
pub fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no match {id}"))
}

/// A valid request for a match.
pub struct RequestMatch {
    id: Option<MatchId>,
    offer: Offer,
    key: Option<String>,
}

impl RequestMatch {
    /// Validates a request of `student`. The idempotency key is in the headers.
    pub fn new(
        student: Option<Subject>,
        id: Option<i64>,
        price: Option<i64>,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let id = id.map(MatchId::new).transpose();
        let id = id.map_err(|rule| Problem::unprocessable_field("id", rule.to_string()))?;
        let price = Price::new(required(price, "price")?);
        let price = price.map_err(|rule| Problem::unprocessable_field("price", rule.to_string()))?;
        Ok(Self { id, offer: Offer { price, student }, key: idempotency_key(headers)? })
    }

    /// Executes the request, to its end even if the client disconnects: otherwise a payment would have to be compensated.
    pub async fn execute(
        self,
        use_cases: Arc<UseCases>,
        host: &Host,
        trace: TraceContext,
    ) -> Result<RequestOutcome, Problem> {
        let decided = host.run_to_completion(async move { self.run(&use_cases, trace).await }).await;
        decided.ok_or_else(Problem::internal)?.map_err(context::store_problem)
    }

    async fn run(self, use_cases: &UseCases, trace: TraceContext) -> Result<RequestOutcome, sqlx::Error> {
        match (self.key, self.id) {
            (Some(key), id) => use_cases.request_with_key(&key, id, &self.offer, trace).await,
            (None, Some(id)) => use_cases.request(id, &self.offer, trace).await,
            (None, None) => use_cases.request_new(&self.offer, trace).await,
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, KeyError> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    if keys.next().is_some() {
        return Err(KeyError::Several);
    }
    let key = key.to_str().ok().filter(|key| key.bytes().all(|byte| byte.is_ascii_graphic()));
    let key = key.filter(|key| (1..=MAX_KEY_LENGTH).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or(KeyError::Form)
}

/// The headers have no valid idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// There is more than one.
    Several,
    /// It is empty, too long, or has other than visible ASCII characters.
    Form,
}

impl KeyError {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Several, Self::Form];
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::bad_request(match error {
            KeyError::Several => "Idempotency-Key must be there once".to_owned(),
            KeyError::Form => {
                format!("Idempotency-Key must be 1 to {MAX_KEY_LENGTH} visible ASCII characters, without spaces")
            }
        })
    }
}

/// 422 by draft-ietf-httpapi-idempotency-key-header, section 2.7.
fn key_reused() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key is already used")
        .detail("this Idempotency-Key stands for a request with another id or price: send another request under another key")
}

impl RequestOutcome {
    /// The match, and whether it had been there before; or the problem.
    pub fn into_result(self) -> Result<(Established, bool), Problem> {
        match self {
            Self::Established(established) => Ok((established, false)),
            Self::Known(established) => Ok((established, true)),
            Self::OtherPrice => Err(Problem::conflict("this match exists with another price")),
            Self::Taken => Err(Problem::conflict("this id is taken: choose another one, or leave it out")),
            Self::KeyReused => Err(key_reused()),
            Self::Declined(reason) => {
                let declined = "The payment is declined";
                Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "payment-declined", declined).detail(reason))
            }
            Self::Unavailable(retry_after) => {
                let detail = "payment cannot be asked now; there is no match, and whatever was paid is paid back";
                Err(Problem::unavailable(detail, retry_after))
            }
            Self::Undecided(id) => {
                let id = id.get();
                let detail =
                    format!("ask for the match {id} again: it is paid once, or whatever was paid is paid back");
                let title = "It is not known yet whether the match is established";
                Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", title).detail(detail))
            }
        }
    }
}
