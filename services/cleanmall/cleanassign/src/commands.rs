//! The commands of operators: cleaners are registered and removed, and work is done.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, Id, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, one_of, or_null, refusals, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use cleanassign_domain::{Busy, Cleaner, InvalidName, Name, NotAssigned};
use context::{created, created_or, shown, shown_or, store_problem};
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};

use crate::documents::{AssignmentDocument, CleanerDocument};
use crate::rows::STATES;
use crate::store::{AssignState, OPERATOR};

/// The maximum length of the name of a place.
const MAX_LOCATION: usize = 100;

/// Handles `POST /cleaners`.
pub(crate) async fn register(
    State(state): State<AssignState>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    principal.require_any_role(&[OPERATOR])?;
    let id = fields.whole_number("id", 1..=MAX_EXACT)?;
    let name = required(fields.text("name", Name::MAX_CHARS)?, "name")?;
    let name = Name::new(name).map_err(|_| invalid_name())?;
    let location = fields.text("location", MAX_LOCATION)?.filter(|place| !place.is_empty()).map(str::to_owned);
    loop {
        let (name, location, idle_since) = (name.clone(), location.clone(), state.store.now());
        let cleaner =
            Cleaner { id: id.unwrap_or_else(|| state.ids.number()), name, location, idle_since, call_id: None };
        correlate(cleaner.id);
        let (known, is_new) = state.store.register(&cleaner, trace).await.map_err(store_problem)?;
        if is_new {
            return created::<CleanerDocument>(&known);
        }
        // An id that was drawn and is in use is drawn again.
        if id.is_some() {
            let is_same = (&known.name, &known.location) == (&cleaner.name, &cleaner.location);
            return if is_same { shown::<CleanerDocument>(&known) } else { Err(id_in_use()) };
        }
    }
}

/// Handles `DELETE /cleaners/{id}`.
pub(crate) async fn remove(
    State(state): State<AssignState>,
    principal: Principal,
    Id(id): Id<i64>,
) -> Result<StatusCode, Problem> {
    principal.require_any_role(&[OPERATOR])?;
    let removed = state.store.remove(id).await.map_err(store_problem)?.map_err(busy)?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(unknown("cleaner", id)) }
}

/// Handles `PATCH /cleanassigns/{id}`.
pub(crate) async fn finish(
    State(state): State<AssignState>,
    principal: Principal,
    Id(call_id): Id<i64>,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    principal.require_any_role(&[OPERATOR])?;
    let [_, _, finished, _] = STATES;
    if required(fields.text("status", MAX_LOCATION)?, "status")? != finished {
        return Err(no_such_change());
    }
    let assignment = state.store.finish(call_id, trace).await.map_err(store_problem)?.map_err(not_assigned)?;
    shown::<AssignmentDocument>(&assignment.ok_or_else(|| unknown("assignment of call", call_id))?)
}

fn unknown(what: &str, id: i64) -> Problem {
    Problem::not_found(format!("there is no {what} {id}"))
}

fn busy(rule: Busy) -> Problem {
    Problem::conflict(rule.to_string())
}

fn not_assigned(rule: NotAssigned) -> Problem {
    Problem::conflict(rule.to_string())
}

fn id_in_use() -> Problem {
    Problem::conflict("this id is in use: choose another one, or leave it out")
}

fn invalid_name() -> Problem {
    Problem::unprocessable_field("name", InvalidName.to_string())
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"finished\": that is all that can be changed")
}

pub(crate) fn register_request() -> ObjectBuilder {
    let name = text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", Name::MAX_CHARS).description(Some("The name."));
    let location =
        text_like(r"^[^\x00]*$", MAX_LOCATION).description(Some("The place. Without it, or empty: any place."));
    object("A cleaner.")
        .property("id", or_null(number_or_digits("The cleaner. Without it, an id is assigned.", MAX_EXACT)))
        .property("name", name)
        .property("location", or_null(OneOfBuilder::new().item(location)))
        .required("name")
        .examples([json!({ "name": "Choi", "location": "seoul" })])
}

pub(crate) fn registered() -> Responses {
    let before = shown_or::<CleanerDocument>("The same cleaner was registered before.", []);
    let created = created_or::<CleanerDocument>([invalid_name(), id_in_use()]);
    created.into_iter().chain(before).collect()
}

pub(crate) fn finish_request() -> ObjectBuilder {
    let [_, _, finished, _] = STATES;
    object("A change to an assignment.")
        .property("status", one_of(&[finished]))
        .examples([json!({ "status": finished })])
}

pub(crate) fn finished() -> Responses {
    let problems = [not_assigned(NotAssigned), no_such_change(), unknown("assignment of call", 1)];
    shown_or::<AssignmentDocument>("It is so, now or before.", problems)
}

pub(crate) fn removed() -> Responses {
    let mut responses = refusals([busy(Busy(1)), unknown("cleaner", 1)]);
    responses.insert("204".to_owned(), utoipa::openapi::Response::new("They are removed.").into());
    responses
}
