use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chassis::Asker;
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::openapi::{self, Answers};
use chassis::page::PageRequest;
use chassis::problem::Problem;
use chassis::trace::{Trace, about};
use utoipa::IntoResponses;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use visit_domain::{NoTutor, Refusal, Tutor, WrongDate};

use crate::bodies::{OpenRequest, OpenRequestList, Visit, VisitList, VisitRequest, VisitStatus, path};
use crate::store::VisitStore;

/// Who sees the open requests, confirms one, and sees his own visits.
const TUTOR: &str = "tutor";

/// Who sees all requests and visits.
const OPERATOR: &str = "operator";

/// The longest name of a tutor, in characters.
pub(crate) const LONGEST_NAME: usize = 200;

/// The longest form of a date, in characters.
const LONGEST_DATE: usize = 10;

/// Who calls what.
pub fn routes(visits: VisitStore) -> Router {
    Router::from(handlers()).with_state(visits)
}

/// What the context promises over HTTP.
pub fn document() -> OpenApi {
    let about = "Tutors read the visit requests and confirm one.";
    openapi::document("visit", about, env!("CARGO_PKG_VERSION"), handlers().into_openapi())
}

fn handlers() -> OpenApiRouter<VisitStore> {
    OpenApiRouter::default().routes(routes!(list, assign)).routes(routes!(show)).routes(routes!(requests))
}

/// Takes a visit request: the tutor will come.
#[utoipa::path(
    post,
    path = "/visits",
    operation_id = "assignVisit",
    request_body = VisitRequest,
    responses(
        (status = 201, body = Visit, description = "The visit is this tutor's.",
            headers(("Location" = String, description = "Where it is: relative.")),
            links(("show" = (operation_id = "showVisit", parameters(("id" = "$response.body#/id")))))),
        NoVisit,
    ),
)]
async fn assign(
    State(visits): State<VisitStore>,
    asker: Asker,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    let tutor = asker.in_role(TUTOR)?.map(Tutor::new).transpose();
    let tutor = tutor.map_err(|rule: NoTutor| Problem::forbidden(format!("the name of a tutor {rule}")))?;
    let match_id = required(fields.whole_number("matchId", 1..=MAX_EXACT)?, "matchId")?;
    about(match_id);
    let teacher = required(fields.text("teacher", LONGEST_NAME)?.filter(|name| !name.trim().is_empty()), "teacher")?;
    let date = required(fields.text("visitDate", LONGEST_DATE)?, "visitDate")?;
    let date = date.parse().map_err(wrong_date)?;
    let visit = visit_domain::Visit { tutor, teacher: teacher.to_owned(), date };
    match visits.assign(match_id, visit, trace).await.map_err(store::problem)? {
        Ok(event) => {
            let body = Visit::new(match_id, event.teacher, event.visit_date, VisitStatus::VisitAssigned);
            Ok((StatusCode::CREATED, [(header::LOCATION, path(match_id))], Json(body)).into_response())
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NeverPaid => Problem::not_found(refusal.to_string()),
        Refusal::Assigned | Refusal::Canceled => Problem::conflict(refusal.to_string()),
    }
}

fn wrong_date(rule: WrongDate) -> Problem {
    Problem::unprocessable_field("visitDate", rule.to_string())
}

/// Why a visit is not assigned, as the document has it.
struct NoVisit;

impl IntoResponses for NoVisit {
    fn responses() -> Answers {
        let refusals = [Refusal::NeverPaid, Refusal::Assigned, Refusal::Canceled].map(refused);
        openapi::refusals(refusals.into_iter().chain([wrong_date(WrongDate)]))
    }
}

/// The visit of a match. Tutors see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/visits/{id}",
    operation_id = "showVisit",
    params(Id),
    responses((status = 200, body = Visit, description = "The visit.")),
)]
async fn show(State(visits): State<VisitStore>, asker: Asker, Id(id): Id) -> Result<Json<Visit>, Problem> {
    let scope = asker.scope(TUTOR, OPERATOR)?;
    let case = visits.find_visit(id, &scope).await.map_err(store::problem)?;
    let unknown = || Problem::not_found(format!("there is no visit for match {id}"));
    case.as_ref().and_then(Visit::of).map(Json).ok_or_else(unknown)
}

/// The visits in the order of their matches. Tutors see their own ones, operators all.
#[utoipa::path(
    get,
    path = "/visits",
    operation_id = "listVisits",
    params(PageRequest<1>),
    responses((status = 200, body = VisitList, description = "A page.")),
)]
async fn list(
    State(visits): State<VisitStore>,
    asker: Asker,
    request: PageRequest<1>,
) -> Result<Json<VisitList>, Problem> {
    let scope = asker.scope(TUTOR, OPERATOR)?;
    let after = request.after_number();
    let found = visits.visits(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.match_id]);
    Ok(Json(VisitList::new(found.items.iter().filter_map(Visit::of).collect(), &request, next)))
}

/// The open visit requests, oldest first.
#[utoipa::path(
    get,
    path = "/visitReqLists",
    operation_id = "listOpenRequests",
    params(PageRequest<2>),
    responses((status = 200, body = OpenRequestList, description = "A page.")),
)]
async fn requests(
    State(visits): State<VisitStore>,
    asker: Asker,
    request: PageRequest<2>,
) -> Result<Json<OpenRequestList>, Problem> {
    asker.in_any(&[TUTOR, OPERATOR])?;
    let after = request.after.unwrap_or([i64::MIN, 0]);
    let found = visits.requests(after, request.size).await.map_err(store::problem)?;
    let next = found.end().and_then(|last| Some([last.paid?.since.as_micros(), last.match_id]));
    Ok(Json(OpenRequestList::new(found.items.iter().filter_map(OpenRequest::of).collect(), &request, next)))
}
