//! Acceptances and withdrawals, for the cleancall context.

use ambient::{InvalidSubject, Subject};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::RequireService;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, positive, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use cleanmanage_domain::{Declined, EarlierAccepted, Request, Withdrawn};
use context::{command, outcome_or, store_problem};
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::store::{ManageState, ManagementStore, NotAccepted};

/// The maximum length of the name of a place.
const MAX_LOCATION: usize = 100;

const MAX_TEL: usize = 20;

const MAX_CUSTOMER: usize = 255;

/// The routes. No gateway has them.
pub(crate) fn handlers() -> OpenApiRouter<ManageState> {
    let accept_about = "Accepts an attempt at a call. For other contexts. Idempotent.";
    let withdraw_about =
        "Withdraws an attempt at a call, whether it has arrived or not. For other contexts. Idempotent.";
    command("/acceptances", "acceptCall", accept_about, acceptance(), accepted(), accept).merge(command(
        "/withdrawals",
        "withdrawCall",
        withdraw_about,
        withdrawal(),
        withdrawn(),
        withdraw,
    ))
}

async fn accept(
    State(store): State<ManagementStore>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (call_id, attempt) = read(&fields)?;
    let customer = fields.text("customer", MAX_CUSTOMER)?.map(Subject::new).transpose().map_err(invalid_customer)?;
    let location = fields.text("location", MAX_LOCATION)?.map(str::to_owned);
    let tel = fields.text("tel", MAX_TEL)?.unwrap_or_default().to_owned();
    let request = Request { location, tel, customer };
    store.accept((call_id, attempt), request, trace).await.map_err(store_problem)?.map_err(not_accepted)?;
    Ok(Json(json!({ "callId": call_id })))
}

async fn withdraw(
    State(store): State<ManagementStore>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let (call_id, attempt) = read(&fields)?;
    store.withdraw((call_id, attempt), trace).await.map_err(store_problem)?.map_err(not_withdrawn)?;
    Ok(Json(json!({ "callId": call_id })))
}

fn read(fields: &Fields) -> Result<(i64, i64), Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let call_id = number("callId")?;
    correlate(call_id);
    Ok((call_id, number("attempt")?))
}

/// Each refusal has its type, which the caller reads.
fn not_accepted(refusal: NotAccepted) -> Problem {
    let (kind, title, reason) = match refusal {
        NotAccepted::Declined(reason @ Declined::PlaceNotServed(_)) => {
            ("place-not-served", "The place is not served", reason.to_string())
        }
        NotAccepted::Declined(reason @ Declined::TooManyCalls(_)) => {
            ("too-many-calls", "There are too many calls", reason.to_string())
        }
        NotAccepted::Withdrawn(reason) => ("call-withdrawn", "The call was withdrawn", reason.to_string()),
    };
    Problem::new(StatusCode::CONFLICT, kind, title).detail(reason)
}

fn not_withdrawn(reason: EarlierAccepted) -> Problem {
    Problem::conflict(reason.to_string())
}

fn invalid_customer(rule: InvalidSubject) -> Problem {
    Problem::unprocessable_field("customer", rule.to_string())
}

fn withdrawal() -> ObjectBuilder {
    let attempt = "The attempt at this call. Later attempts have greater numbers.";
    object("An attempt at a call, from another context.")
        .property("callId", number_or_digits("The call.", MAX_EXACT))
        .property("attempt", number_or_digits(attempt, MAX_EXACT))
}

fn acceptance() -> ObjectBuilder {
    let optional = |pattern: &str, max, about| text_like(pattern, max).description(Some(about));
    withdrawal()
        .property("location", optional(r"^[^\x00]+$", MAX_LOCATION, "The place. Left out: any place."))
        .property("tel", optional(r"^[^\x00]*$", MAX_TEL, "The telephone number, masked."))
        .property(
            "customer",
            optional(r"^[^\x00-\x1f\x7f-\x9f]+$", MAX_CUSTOMER, "Left out if authentication is disabled."),
        )
        .required("callId")
        .required("attempt")
}

fn accepted() -> Responses {
    let refusals = [
        NotAccepted::Declined(Declined::PlaceNotServed("busan".to_owned())),
        NotAccepted::Declined(Declined::TooManyCalls(100)),
        NotAccepted::Withdrawn(Withdrawn),
    ];
    let problems = refusals.map(not_accepted).into_iter().chain([invalid_customer(InvalidSubject)]);
    responses("It is accepted, now or before.", problems)
}

fn withdrawn() -> Responses {
    responses("It is withdrawn, now or before, and will not be accepted.", [not_withdrawn(EarlierAccepted)])
}

fn responses(about: &str, problems: impl IntoIterator<Item = Problem>) -> Responses {
    let missing = Problem::unprocessable_field("callId", "is required");
    let call = object("The call.").property("callId", positive("The call."));
    outcome_or(about, call, problems.into_iter().chain([missing]))
}
