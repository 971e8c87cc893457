use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chassis::Asker;
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::page::{PageRequest, page};
use chassis::problem::Problem;
use chassis::trace::{Trace, about};
use serde_json::{Value, json};
use visit_domain::{Case, NoTutor, Refusal, Tutor, Visit, WrongDate};

use crate::store::VisitStore;

/// Who sees the open requests, confirms one, and sees his own visits.
const TUTOR: &str = "tutor";

/// Who sees all requests and visits.
const OPERATOR: &str = "operator";

/// The longest name of a tutor, in characters.
const LONGEST_NAME: usize = 200;

/// The longest form of a date, in characters.
const LONGEST_DATE: usize = 10;

/// Who calls what.
pub fn routes(visits: VisitStore) -> Router {
    Router::new()
        .route("/visits", get(list).post(assign))
        .route("/visits/{id}", get(show))
        .route("/visitReqLists", get(requests))
        .with_state(visits)
}

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
    let date = date.parse().map_err(|rule: WrongDate| Problem::unprocessable_field("visitDate", rule.to_string()))?;
    let visit = Visit { tutor, teacher: teacher.to_owned(), date };
    match visits.assign(match_id, visit, trace).await.map_err(store::problem)? {
        Ok(event) => {
            let location = format!("/visits/{match_id}");
            let body = body(match_id, &event.teacher, &event.visit_date, "visitAssigned");
            Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response())
        }
        Err(refusal @ Refusal::NeverPaid) => Err(Problem::not_found(refusal.to_string())),
        Err(refusal @ (Refusal::Assigned | Refusal::Canceled)) => Err(Problem::conflict(refusal.to_string())),
    }
}

async fn show(State(visits): State<VisitStore>, asker: Asker, Id(id): Id) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(TUTOR, OPERATOR)?;
    let case = visits.find_visit(id, &scope).await.map_err(store::problem)?;
    let unknown = || Problem::not_found(format!("there is no visit for match {id}"));
    case.as_ref().and_then(visit).map(Json).ok_or_else(unknown)
}

async fn list(State(visits): State<VisitStore>, asker: Asker, request: PageRequest<1>) -> Result<Json<Value>, Problem> {
    let scope = asker.scope(TUTOR, OPERATOR)?;
    let after = request.after.map_or(0, |[after]| after);
    let found = visits.visits(&scope, after, request.size).await.map_err(store::problem)?;
    let next = found.end().map(|last| [last.match_id]);
    Ok(page("/visits", "visits", found.items.iter().filter_map(visit).collect(), &request, next))
}

async fn requests(
    State(visits): State<VisitStore>,
    asker: Asker,
    request: PageRequest<2>,
) -> Result<Json<Value>, Problem> {
    asker.in_any(&[TUTOR, OPERATOR])?;
    let after = request.after.unwrap_or([i64::MIN, 0]);
    let found = visits.requests(after, request.size).await.map_err(store::problem)?;
    let next = found.end().and_then(|last| Some([last.paid?.since.as_micros(), last.match_id]));
    Ok(page("/visitReqLists", "visitReqLists", found.items.iter().map(visit_request).collect(), &request, next))
}

/// An open request. Who wants it posts a visit.
fn visit_request(case: &Case) -> Value {
    json!({
        "id": case.match_id,
        "matchId": case.match_id,
        "price": case.paid.map(|paid| paid.price),
        "_links": { "self": { "href": "/visitReqLists" }, "assign": { "href": "/visits" } },
    })
}

fn visit(case: &Case) -> Option<Value> {
    let visit = case.visit.as_ref()?;
    let status = if case.canceled { "visitCanceled" } else { "visitAssigned" };
    Some(body(case.match_id, &visit.teacher, &visit.date.to_string(), status))
}

fn body(match_id: i64, teacher: &str, visit_date: &str, status: &str) -> Value {
    json!({
        "id": match_id,
        "matchId": match_id,
        "teacher": teacher,
        "visitDate": visit_date,
        "status": status,
        "_links": { "self": { "href": format!("/visits/{match_id}") } },
    })
}
