//! The document of a reservation, its request, and its cancellation.

use ambient::{Positive, Subject};
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{number_or_digits, object, one_of, or_null, positive};
use chassis::problem::Problem;
use context::saga::Refusal;
use context::{Change, ConditionalLink, Representation, RequestDocument};
use reservation_contract::ReservationEvent;
use reservation_domain::{Offer, Reservation, Status};
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema};

use crate::reservation_row::ReservationRow;
use crate::saga::{HOLD_DECLINED, PAYMENT_DECLINED};

/// A reservation. Its room is held and paid; its status shows whether it is cancelled.
pub struct ReservationDocument;

impl Representation for ReservationDocument {
    type Row = ReservationRow;
    const NAME: &'static str = "Reservation";
    const PATH: &'static str = "/reservations";
    const REL: &'static str = "reservations";
    const TITLE: &'static str = "reservation";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/reservations/{id}")];
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] = &[("cancel", "/reservations/{id}", |state| {
        state.established().is_some_and(|established| established.status < Status::ReqCancel)
    })];

    fn of(state: &Reservation) -> Option<Value> {
        let established = state.established()?;
        let (attempt, status) = (&established.attempt, established.status.name());
        let (id, price) = (attempt.id.get(), attempt.price().map(Positive::get));
        Some(json!({
            "id": id, "reservationId": id, "storageId": attempt.storage_id.get(), "price": price,
            "reservationStatus": status,
        }))
    }

    fn schema() -> ObjectBuilder {
        let status = one_of(&Status::ALL.map(Status::name)).description(Some("Whether it is confirmed or cancelled."));
        object("A reservation. Its room is held and paid.")
            .property("id", positive("The reservation."))
            .property("reservationId", positive("The reservation."))
            .property("storageId", positive("The room."))
            .property("price", positive("The price."))
            .property("reservationStatus", status)
    }
}

/// `POST /reservations`.
pub(crate) const REQUEST: RequestDocument<Offer> = RequestDocument {
    id: "requestReservation",
    about: "Reserves a room and pays for it. An unpaid reservation is never established.",
    id_field: "reservationId",
    schema: request_schema,
    read: read_request,
    problems: || HOLD_DECLINED.iter().chain([&PAYMENT_DECLINED]).map(Refusal::example).collect(),
};

fn read_request(fields: &Fields, customer: Option<Subject>) -> Result<Offer, Problem> {
    let storage_id = required(fields.positive("storageId")?, "storageId")?;
    let price = fields.positive("price")?;
    match fields.text("reservationStatus", 100)? {
        Some(status) if status != Status::ReqReserve.name() => {
            Err(Problem::unprocessable_field("reservationStatus", "must be \"reqReserve\", or left out"))
        }
        _ => Ok(Offer { storage_id, price, customer }),
    }
}

fn request_schema() -> ObjectBuilder {
    let status = OneOfBuilder::new().item(one_of(&[Status::ReqReserve.name()])).description(Some("May be left out."));
    let id = "The reservation. Without it, an id is assigned.";
    let price = "The price that the customer expects. Without it, that of the room.";
    object("A request for a reservation.")
        .property("reservationId", or_null(number_or_digits(id, MAX_EXACT)))
        .property("storageId", number_or_digits("The room.", MAX_EXACT))
        .property("price", or_null(number_or_digits(price, MAX_EXACT)))
        .property("reservationStatus", or_null(status))
        .required("storageId")
        .examples([json!({ "storageId": 1, "price": 200_000, "reservationStatus": "reqReserve" })])
}

/// The fields that may be given with a cancellation, and must then be those of the reservation.
const GIVEN: [&str; 4] = ["id", "reservationId", "storageId", "price"];

/// The request of a cancellation, with the values of [`GIVEN`].
type Cancellation = [Option<Positive>; GIVEN.len()];

/// `PATCH` and `PUT` of `/reservations/{id}`. Idempotent.
pub(crate) const CANCEL: Change<Reservation, Cancellation, ReservationEvent> = Change {
    id: "cancelReservation",
    about: "Requests the cancellation of a reservation: its price is paid back, and its room is free again. Idempotent.",
    total: "reservations_cancel_requested_total",
    schema: change_schema,
    read: read_change,
    apply: cancel,
    problems: || vec![no_such_change(), differs("price")],
};

fn change_schema() -> ObjectBuilder {
    let given = |about: &str| or_null(number_or_digits(&format!("{about} May be left out."), MAX_EXACT));
    object("A change to a reservation.")
        .property("reservationStatus", one_of(&[Status::ReqCancel.name()]))
        .property("id", given("The reservation."))
        .property("reservationId", given("The reservation."))
        .property("storageId", given("The room."))
        .property("price", given("The price."))
        .required("reservationStatus")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .examples([json!({ "reservationStatus": "reqCancel" })])
}

fn read_change(fields: &Fields) -> Result<Cancellation, Problem> {
    if required(fields.text("reservationStatus", 100)?, "reservationStatus")? != Status::ReqCancel.name() {
        return Err(no_such_change());
    }
    if let Some(other) = fields.names().find(|name| *name != "reservationStatus" && !GIVEN.contains(name)) {
        return Err(differs(other));
    }
    let [id, reservation_id, storage_id, price] = GIVEN.map(|name| fields.positive(name));
    Ok([id?, reservation_id?, storage_id?, price?])
}

fn cancel(given: Cancellation, state: &mut Reservation) -> Result<Option<ReservationEvent>, Problem> {
    let Reservation::Established(established) = state else { return Ok(None) };
    let attempt = &established.attempt;
    let known = [Some(attempt.id), Some(attempt.id), Some(attempt.storage_id), attempt.price()];
    let mut facts = GIVEN.into_iter().zip(given.into_iter().zip(known));
    if let Some((name, _)) = facts.find(|(_, (given, known))| given.is_some() && given != known) {
        return Err(differs(name));
    }
    Ok(established.request_cancellation().map(Into::into))
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("reservationStatus", "must be \"reqCancel\": that is all that can be changed")
}

fn differs(field: &str) -> Problem {
    Problem::unprocessable_field(field, "is not that of the reservation, and cannot be changed")
}
