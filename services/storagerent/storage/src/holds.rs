//! Holds and releases, for the reservation context.

use ambient::{InvalidSubject, Subject};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chassis::RequireService;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, positive, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{command, outcome_or, store_problem};
use serde_json::{Value, json};
use storage_domain::{Attempt, HoldRefusal, HoldRequest, OtherHold};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa_axum::router::OpenApiRouter;

use crate::state::StorageState;
use crate::store::RoomStore;

const MAX_CUSTOMER: usize = 255;

/// The routes. No gateway has them.
pub(crate) fn handlers() -> OpenApiRouter<StorageState> {
    let hold_about = "Holds a room for an attempt of a reservation. For other contexts. Idempotent.";
    let release_about =
        "Releases the hold of an attempt, whether it has arrived or not. For other contexts. Idempotent.";
    command("/holds", "holdStorage", hold_about, hold_request(), held(), hold).merge(command(
        "/releases",
        "releaseStorage",
        release_about,
        release_request(),
        released(),
        release,
    ))
}

async fn hold(
    State(rooms): State<RoomStore>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let attempt = read(&fields)?;
    let price = fields.whole_number("price", 1..=MAX_EXACT)?;
    let customer = fields.text("customer", MAX_CUSTOMER)?.map(Subject::new).transpose().map_err(invalid_customer)?;
    let request = HoldRequest { attempt, price, customer };
    let held = rooms.hold(request, trace).await.map_err(store_problem)?.map_err(not_held)?;
    Ok(Json(json!({ "storageId": held.storage_id, "hold": held.number, "price": held.price })))
}

async fn release(
    State(rooms): State<RoomStore>,
    _: RequireService,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Json<Value>, Problem> {
    let attempt = read(&fields)?;
    rooms.release(attempt, trace).await.map_err(store_problem)?.map_err(not_released)?;
    Ok(Json(json!({ "storageId": attempt.storage_id })))
}

fn read(fields: &Fields) -> Result<Attempt, Problem> {
    let number = |name| required(fields.whole_number(name, 1..=MAX_EXACT)?, name);
    let reservation_id = number("reservationId")?;
    correlate(reservation_id);
    Ok(Attempt { storage_id: number("storageId")?, reservation_id, attempt: number("attempt")? })
}

/// Each refusal has its type, which the caller reads.
fn not_held(refusal: HoldRefusal) -> Problem {
    let (status, kind, title) = match refusal {
        HoldRefusal::Unknown(_) => (StatusCode::NOT_FOUND, "storage-unknown", "There is no such storage"),
        HoldRefusal::Taken => (StatusCode::CONFLICT, "storage-taken", "The storage is taken"),
        HoldRefusal::WithoutPrice => (StatusCode::CONFLICT, "storage-without-price", "The storage has no price"),
        HoldRefusal::OtherPrice { .. } => (StatusCode::CONFLICT, "other-price", "The storage has another price"),
        HoldRefusal::Released => (StatusCode::CONFLICT, "hold-released", "The hold was released"),
    };
    Problem::new(status, kind, title).detail(refusal.to_string())
}

fn not_released(error: OtherHold) -> Problem {
    Problem::conflict(error.to_string())
}

fn invalid_customer(rule: InvalidSubject) -> Problem {
    Problem::unprocessable_field("customer", rule.to_string())
}

fn release_request() -> ObjectBuilder {
    let attempt = "The attempt of this reservation. Later attempts have greater numbers.";
    object("An attempt of a reservation, from another context.")
        .property("storageId", number_or_digits("The room.", MAX_EXACT))
        .property("reservationId", number_or_digits("The reservation.", MAX_EXACT))
        .property("attempt", number_or_digits(attempt, MAX_EXACT))
}

fn hold_request() -> ObjectBuilder {
    let customer = "The customer. Left out if authentication is disabled.";
    let customer = text_like(r"^[^\x00-\x1f\x7f-\x9f]+$", MAX_CUSTOMER).description(Some(customer));
    let request = release_request()
        .property("price", number_or_digits("The price that the customer expects. May be left out.", MAX_EXACT))
        .property("customer", customer);
    ["storageId", "reservationId", "attempt"].into_iter().fold(request, ObjectBuilder::required)
}

fn held() -> Responses {
    let refusals = [
        HoldRefusal::Unknown(1),
        HoldRefusal::Taken,
        HoldRefusal::WithoutPrice,
        HoldRefusal::OtherPrice { price: 200_000, expected: 100_000 },
        HoldRefusal::Released,
    ];
    let hold = object("The hold.")
        .property("storageId", positive("The room."))
        .property("hold", positive("The number of the hold. A later one of the same room has a greater number."))
        .property("price", positive("The price of the room."));
    responses(
        "It is held, now or before.",
        hold,
        refusals.map(not_held).into_iter().chain([invalid_customer(InvalidSubject)]),
    )
}

fn released() -> Responses {
    let release = object("The release.").property("storageId", positive("The room."));
    responses(
        "It is released, now or before, and will not be held by this attempt.",
        release,
        [not_released(OtherHold)],
    )
}

fn responses(about: &str, outcome: ObjectBuilder, problems: impl IntoIterator<Item = Problem>) -> Responses {
    let missing = Problem::unprocessable_field("storageId", "is required");
    outcome_or(about, outcome, problems.into_iter().chain([missing]))
}
