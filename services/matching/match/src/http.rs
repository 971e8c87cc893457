use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use chassis::body::{Fields, Id, required};
use chassis::conditional::{Conditions, Tagged, changed_since};
use chassis::openapi::{self, Answers};
use chassis::page::PageRequest;
use chassis::problem::Problem;
use chassis::trace::Trace;
use chassis::{Host, Principal};
use match_domain::{Established, MatchId, Price};
use utoipa::IntoResponses;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bodies::{CANCEL, Match, MatchChange, MatchList, MatchRequest, REQUEST, path};
use crate::commands::{KeyError, OPERATOR, RequestMatch, STUDENT, match_id, unknown};
use crate::use_cases::{CancelOutcome, RequestOutcome, UseCases};

/// The routes below `/matches`.
pub fn routes(use_cases: Arc<UseCases>, host: Host) -> Router {
    Router::from(handlers()).layer(Extension(host)).with_state(use_cases)
}

/// The `OpenAPI` document of the context.
pub fn document() -> OpenApi {
    let about = "A student offers a price and asks for a match, pays, and may cancel.";
    openapi::document("match", about, env!("CARGO_PKG_VERSION"), handlers().into_openapi())
}

fn handlers() -> OpenApiRouter<Arc<UseCases>> {
    OpenApiRouter::default().routes(routes!(list, request)).routes(routes!(show, cancel))
}

/// Requests a match and pays for it.
///
/// An unpaid match is never established. The same request again returns the same match: nothing is paid twice.
#[utoipa::path(
    post,
    path = "/matches",
    operation_id = "requestMatch",
    params(("Idempotency-Key" = Option<String>, Header, nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
        description = "Stands for this request, with its id or without one: again under the same key it is answered with the same match, and another request under it is refused.")),
    request_body = MatchRequest,
    responses(
        (status = 201, body = Match, description = "The match is established, and paid.",
            headers(
                ("Location" = String, description = "Where it is: relative."),
                ("ETag" = String, description = "What it is now: for If-Match."),
            ),
            links(
                ("show" = (operation_id = "showMatch", parameters(("id" = "$response.body#/id")))),
                ("cancel" = (operation_id = "cancelMatch", parameters(("id" = "$response.body#/id")))),
            )),
        (status = 200, body = Match, description = "It was established before."),
        NoMatch,
    ),
)]
async fn request(
    State(use_cases): State<Arc<UseCases>>,
    Extension(host): Extension<Host>,
    principal: Principal,
    Trace(trace): Trace,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let student = principal.require_subject(STUDENT)?;
    let id = fields.whole_number("id", 1..=MatchId::MAX)?;
    let price = fields.whole_number("price", 1..=Price::MAX)?;
    if !matches!(fields.text("status", 100)?, None | Some(REQUEST)) {
        return Err(Problem::unprocessable_field("status", "must be \"matchRequest\", or left out"));
    }
    let request = RequestMatch::new(student, id, price, &headers)?;
    let (established, known) = request.execute(use_cases, &host, trace).await?.into_result()?;
    respond(&established, known)
}

/// The response to a request that has its match, new or known.
fn respond(established: &Established, known: bool) -> Result<Response, Problem> {
    let document = Match::new(established);
    if known {
        return Ok(Json(document).into_response());
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, path(established))], Tagged::new(&document)?).into_response())
}

/// The problems of a request, for the document.
struct NoMatch;

impl IntoResponses for NoMatch {
    fn responses() -> Answers {
        let undecided = MatchId::new(5000).map(RequestOutcome::Undecided);
        let outcomes = [
            RequestOutcome::Declined("the card has expired".to_owned()),
            RequestOutcome::OtherPrice,
            RequestOutcome::Taken,
            RequestOutcome::KeyReused,
            RequestOutcome::Unavailable(Duration::from_secs(1)),
        ];
        let outcomes = outcomes.into_iter().chain(undecided).filter_map(|outcome| outcome.into_result().err());
        let price = Price::new(0).map_err(|rule| Problem::unprocessable_field("price", rule.to_string()));
        openapi::refusals(outcomes.chain(KeyError::ALL.map(Problem::from)).chain(price.err()))
    }
}

/// Cancels a match: its visit is cancelled, and its price paid back. Idempotent.
#[utoipa::path(
    method(patch, put),
    path = "/matches/{id}",
    operation_id = "cancelMatch",
    params(Id, Conditions),
    request_body = MatchChange,
    responses((status = 200, body = Match, description = "It is cancelled, now or before."), NoCancellation),
)]
async fn cancel(
    State(use_cases): State<Arc<UseCases>>,
    principal: Principal,
    Id(id): Id,
    Trace(trace): Trace,
    conditions: Conditions,
    fields: Fields,
) -> Result<Json<Match>, Problem> {
    let student = principal.require_subject(STUDENT)?;
    if required(fields.text("status", 100)?, "status")? != CANCEL {
        return Err(no_such_change());
    }
    let expected = |now: &Established| conditions.allow(&Match::new(now));
    let outcome = use_cases.cancel(match_id(id)?, student.as_ref(), expected, trace).await;
    match outcome.map_err(context::store_problem)? {
        CancelOutcome::Canceled(established) => Ok(Json(Match::new(&established))),
        CancelOutcome::NotAsExpected => Err(changed_since()),
        CancelOutcome::Unknown => Err(unknown(id)),
    }
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"cancel\": that is all that can be changed")
}

/// The problems of a cancellation, for the document.
struct NoCancellation;

impl IntoResponses for NoCancellation {
    fn responses() -> Answers {
        openapi::refusals([no_such_change()])
    }
}

/// A match. Students see their own, operators all.
#[utoipa::path(
    get,
    path = "/matches/{id}",
    operation_id = "showMatch",
    params(Id, Conditions),
    responses((status = 200, body = Match, description = "The match.")),
)]
async fn show(
    State(use_cases): State<Arc<UseCases>>,
    principal: Principal,
    Id(id): Id,
    conditions: Conditions,
) -> Result<Response, Problem> {
    let scope = principal.scope(STUDENT, OPERATOR)?;
    let found = use_cases.find(match_id(id)?, &scope).await.map_err(context::store_problem)?;
    conditions.show(&Match::new(&found.ok_or_else(|| unknown(id))?))
}

/// The matches in the order of their ids. Students see their own, operators all.
#[utoipa::path(
    get,
    path = "/matches",
    operation_id = "listMatches",
    params(PageRequest<1>),
    responses((status = 200, body = MatchList, description = "A page.")),
)]
async fn list(
    State(use_cases): State<Arc<UseCases>>,
    principal: Principal,
    request: PageRequest<1>,
) -> Result<Json<MatchList>, Problem> {
    let scope = principal.scope(STUDENT, OPERATOR)?;
    let after = request.after_number();
    let found = use_cases.page(&scope, after, request.size).await.map_err(context::store_problem)?;
    let next = found.end().map(|last| [last.attempt.id.get()]);
    Ok(Json(MatchList::new(found.items.iter().map(Match::new).collect(), &request, next)))
}
