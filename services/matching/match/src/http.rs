use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, required};
use chassis::openapi::{self, Answers};
use chassis::page::PageRequest;
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Asker, Host};
use match_domain::{Established, MatchId, Price};
use utoipa::IntoResponses;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{App, Canceled, Requested};
use crate::asking::{OPERATOR, STUDENT, Wish, match_id, no_key, student, unknown};
use crate::bodies::{ASKED, CANCEL, Match, MatchChange, MatchList, MatchRequest, path};

/// `/matches`: who calls what.
pub fn routes(app: Arc<App>, host: Host) -> Router {
    Router::from(handlers()).layer(Extension(host)).with_state(app)
}

/// What the context promises over HTTP.
pub fn document() -> OpenApi {
    let about = "A student offers a price and asks for a match, pays, and may cancel.";
    openapi::document("match", about, env!("CARGO_PKG_VERSION"), handlers().into_openapi())
}

fn handlers() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::default().routes(routes!(list, request)).routes(routes!(show, cancel))
}

/// Asks for a match, and pays it.
///
/// An unpaid match is never established. The same request again is answered with the same match: nothing is paid twice.
#[utoipa::path(
    post,
    path = "/matches",
    operation_id = "requestMatch",
    params(("Idempotency-Key" = Option<String>, Header, nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
        description = "Whatever is asked under the same key is asked once, also without an id.")),
    request_body = MatchRequest,
    responses(
        (status = 201, body = Match, description = "The match is established, and paid.",
            headers(("Location" = String, description = "Where it is: relative.")),
            links(
                ("show" = (operation_id = "showMatch", parameters(("id" = "$response.body#/id")))),
                ("cancel" = (operation_id = "cancelMatch", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 200, body = Match, description = "It was established before."),
        NoMatch,
    ),
)]
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
    let price = fields.whole_number("price", 1..=Price::MAX)?;
    if !matches!(fields.text("status", 100)?, None | Some(ASKED)) {
        return Err(Problem::unprocessable_field("status", "must be \"matchRequest\", or left out"));
    }
    let wish = Wish::new(student, id, price, &headers)?;
    let (established, known) = wish.request(app, &host, trace).await?.told()?;
    Ok(answer(&established, known))
}

/// The answer to a request that has its match, new or known.
fn answer(established: &Established, known: bool) -> Response {
    let document = Json(Match::new(established));
    if known {
        return document.into_response();
    }
    (StatusCode::CREATED, [(header::LOCATION, path(established))], document).into_response()
}

/// Why there is no match after a request, as the document has it.
struct NoMatch;

impl IntoResponses for NoMatch {
    fn responses() -> Answers {
        let undecided = MatchId::new(5000).map(Requested::Undecided);
        let outcomes = [
            Requested::Declined("the card has expired".to_owned()),
            Requested::OtherPrice,
            Requested::Taken,
            Requested::KeyReused,
            Requested::Unavailable(Duration::from_secs(1)),
        ];
        let outcomes = outcomes.into_iter().chain(undecided).filter_map(|outcome| outcome.told().err());
        let price = Price::new(0).map_err(|rule| Problem::unprocessable_field("price", rule.to_string()));
        openapi::refusals(outcomes.chain([no_key()]).chain(price.err()))
    }
}

/// Cancels a match: its visit is cancelled, and its price paid back. Twice is as good as once.
#[utoipa::path(
    method(patch, put),
    path = "/matches/{id}",
    operation_id = "cancelMatch",
    params(Id),
    request_body = MatchChange,
    responses((status = 200, body = Match, description = "It is cancelled, now or before."), NoCancellation),
)]
async fn cancel(
    State(app): State<Arc<App>>,
    asker: Asker,
    Id(id): Id,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Match>, Problem> {
    let student = student(asker)?;
    if required(fields.text("status", 100)?, "status")? != CANCEL {
        return Err(no_such_change());
    }
    match app.cancel(match_id(id)?, student.as_ref(), trace).await.map_err(store::problem)? {
        Canceled::Yes(established) => Ok(Json(Match::new(&established))),
        Canceled::Unknown => Err(unknown(id)),
    }
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"cancel\": that is all that can be changed")
}

/// Why nothing is cancelled, as the document has it.
struct NoCancellation;

impl IntoResponses for NoCancellation {
    fn responses() -> Answers {
        openapi::refusals([no_such_change()])
    }
}

/// A match. Students see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/matches/{id}",
    operation_id = "showMatch",
    params(Id),
    responses((status = 200, body = Match, description = "The match.")),
)]
async fn show(State(app): State<Arc<App>>, asker: Asker, Id(id): Id) -> Result<Json<Match>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let found = app.find(match_id(id)?, &scope).await.map_err(store::problem)?;
    found.map(|established| Json(Match::new(&established))).ok_or_else(|| unknown(id))
}

/// The matches in the order of their ids. Students see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/matches",
    operation_id = "listMatches",
    params(PageRequest<1>),
    responses((status = 200, body = MatchList, description = "A page.")),
)]
async fn list(State(app): State<Arc<App>>, asker: Asker, request: PageRequest<1>) -> Result<Json<MatchList>, Problem> {
    let scope = asker.scope(STUDENT, OPERATOR)?;
    let after = request.after_number();
    let found = app.page(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.case.id.get()]);
    Ok(Json(MatchList::new(found.items.iter().map(Match::new).collect(), &request, next)))
}
