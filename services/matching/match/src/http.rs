use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, required};
use chassis::page::{PageRequest, page};
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Asker, Host};
use events::TraceContext;
use match_domain::{Established, MatchId, NoStudent, Offer, Price, Student};
use serde_json::{Value, json};

use crate::app::{App, Canceled, Requested};

/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 255;

/// Who asks for matches, sees his own, and cancels them.
const STUDENT: &str = "student";

/// Who sees all matches.
const OPERATOR: &str = "operator";

/// `/matches`: who calls what.
pub fn routes(app: Arc<App>, host: Host) -> Router {
    Router::new()
        .route("/matches", get(list).post(request))
        .route("/matches/{id}", get(show).patch(cancel).put(cancel))
        .layer(Extension(host))
        .with_state(app)
}

async fn request(
    State(app): State<Arc<App>>,
    Extension(host): Extension<Host>,
    asker: Asker,
    Trace(trace): Trace,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let student = student(asker)?;
    let id = fields.whole_number("id", 1..=MatchId::MAX)?;
    let price = required(fields.whole_number("price", 1..=Price::MAX)?, "price")?;
    let price = Price::new(price).map_err(|rule| Problem::unprocessable_field("price", rule.to_string()))?;
    if !matches!(fields.text("status", 100)?, None | Some("matchRequest")) {
        return Err(Problem::unprocessable_field("status", "must be \"matchRequest\", or left out"));
    }
    let id = id.map(MatchId::new).transpose();
    let id = id.map_err(|rule| Problem::unprocessable_field("id", rule.to_string()))?;
    let key = idempotency_key(&headers)?;
    let offer = Offer { price, student };
    // A client that hangs up does not leave a payment behind that must be undone.
    let decided = host.see_through(async move { decide(&app, id, &offer, key, trace).await }).await;
    decided.ok_or_else(Problem::internal)?.map_err(store::problem)?.into_answer()
}

async fn decide(
    app: &App,
    id: Option<MatchId>,
    offer: &Offer,
    key: Option<String>,
    trace: TraceContext,
) -> Result<Requested, sqlx::Error> {
    match id {
        Some(id) => app.request(id, offer, trace).await,
        None => app.request_new(offer, key.as_deref(), trace).await,
    }
}

/// The student who asks. `None` if the fleet runs open.
fn student(asker: Asker) -> Result<Option<Student>, Problem> {
    let student = asker.in_role(STUDENT)?.map(Student::new).transpose();
    student.map_err(|rule: NoStudent| Problem::forbidden(format!("the name of a student {rule}")))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let rule = || Problem::bad_request(format!("Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters"));
    key.map(|key| Some(key.to_owned())).ok_or_else(rule)
}

impl Requested {
    fn into_answer(self) -> Result<Response, Problem> {
        match self {
            Self::Established(established) => {
                let location = path(&established);
                Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body(&established))).into_response())
            }
            Self::Known(established) => Ok(Json(body(&established)).into_response()),
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

async fn cancel(
    State(app): State<Arc<App>>,
    asker: Asker,
    Id(id): Id,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let student = student(asker)?;
    let rule = "must be \"cancel\": that is all that can be changed";
    if required(fields.text("status", 100)?, "status")? != "cancel" {
        return Err(Problem::unprocessable_field("status", rule));
    }
    match app.cancel(match_id(id)?, student.as_ref(), trace).await.map_err(store::problem)? {
        Canceled::Yes(established) => Ok(Json(body(&established))),
        Canceled::Unknown => Err(unknown(id)),
    }
}

async fn show(State(app): State<Arc<App>>, asker: Asker, Id(id): Id) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let found = app.find(match_id(id)?, &scope).await.map_err(store::problem)?;
    found.map(|established| Json(body(&established))).ok_or_else(|| unknown(id))
}

async fn list(State(app): State<Arc<App>>, asker: Asker, request: PageRequest<1>) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let after = request.after.map_or(0, |[after]| after);
    let found = app.page(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.case.id.get()]);
    Ok(page("/matches", "matches", found.items.iter().map(body).collect(), &request, next))
}

fn match_id(id: i64) -> Result<MatchId, Problem> {
    MatchId::new(id).map_err(|_| unknown(id))
}

fn unknown(id: i64) -> Problem {
    Problem::not_found(format!("there is no match {id}"))
}

fn path(established: &Established) -> String {
    format!("/matches/{}", established.case.id.get())
}

fn body(established: &Established) -> Value {
    let this = json!({ "href": path(established) });
    let links =
        if established.is_canceled() { json!({ "self": this }) } else { json!({ "self": this, "cancel": this }) };
    json!({
        "id": established.case.id.get(),
        "price": established.case.price.get(),
        "status": established.step.name(),
        "_links": links,
    })
}
