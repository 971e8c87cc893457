//! What is asked of matches, by whichever door it comes in: who may, what is valid, and in which words it is refused.

use axum::http::{HeaderMap, StatusCode};
use chassis::body::required;
use chassis::problem::Problem;
use chassis::{Asker, Host};
use events::TraceContext;
use match_domain::{Established, MatchId, NoStudent, Offer, Price, Student};
use std::sync::Arc;

use crate::app::{App, Requested};

/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 255;

/// Who asks for matches, sees his own, and cancels them.
pub const STUDENT: &str = "student";

/// Who sees all matches.
pub const OPERATOR: &str = "operator";

/// The student who asks. `None` if the fleet runs open.
pub fn student(asker: Asker) -> Result<Option<Student>, Problem> {
    let student = asker.in_role(STUDENT)?.map(Student::new).transpose();
    student.map_err(|rule: NoStudent| Problem::forbidden(format!("the name of a student {rule}")))
}

/// The id of a match that may be there.
pub fn match_id(id: i64) -> Result<MatchId, Problem> {
    MatchId::new(id).map_err(|_| unknown(id))
}

/// There is none, as far as whoever asks may know.
pub fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no match {id}"))
}

/// A match that somebody wants.
pub struct Wish {
    id: Option<MatchId>,
    offer: Offer,
    key: Option<String>,
}

impl Wish {
    /// What `student` wants; the idempotency key is in the headers.
    pub fn new(
        student: Option<Student>,
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

    /// Asks for it. A client that hangs up does not leave a payment behind that must be undone.
    pub async fn request(self, app: Arc<App>, host: &Host, trace: TraceContext) -> Result<Requested, Problem> {
        let decided = host.see_through(async move { self.decide(&app, trace).await }).await;
        decided.ok_or_else(Problem::internal)?.map_err(store::problem)
    }

    async fn decide(self, app: &App, trace: TraceContext) -> Result<Requested, sqlx::Error> {
        match self.id {
            Some(id) => app.request(id, &self.offer, trace).await,
            None => app.request_new(&self.offer, self.key.as_deref(), trace).await,
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(no_key)
}

/// It is none.
pub fn no_key() -> Problem {
    Problem::bad_request(format!("Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters"))
}

impl Requested {
    /// The match, and whether it had been there before; or why there is none.
    pub fn told(self) -> Result<(Established, bool), Problem> {
        match self {
            Self::Established(established) => Ok((established, false)),
            Self::Known(established) => Ok((established, true)),
            Self::OtherPrice => Err(Problem::conflict("this match exists with another price")),
            Self::Taken => Err(Problem::conflict("this id is taken: choose another one, or leave it out")),
            Self::KeyReused => {
                let rule = "was used before with another price under this Idempotency-Key";
                Err(Problem::unprocessable_field("price", rule))
            }
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
