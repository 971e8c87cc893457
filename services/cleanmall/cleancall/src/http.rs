//! The document of a call, its request, and its cancellation.

use ambient::{Positive, Subject};
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{nullable, number_or_digits, object, one_of, or_null, positive, text, text_like};
use chassis::problem::Problem;
use cleanassign_contract::{Progress, Status};
use cleancall_contract::CleanCallEvent;
use cleancall_domain::{Call, IsFinished, Offer, Request, Telephone};
use context::saga::Refusal;
use context::{ConditionalLink, Deletion, Representation, RequestDocument};
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};

use crate::call_row::CallRow;
use crate::saga::CALL_DECLINED;

/// The maximum length of the name of a place.
const MAX_LOCATION: usize = 100;

/// A call that is taken. One that was cancelled has no document.
pub struct CallDocument;

impl Representation for CallDocument {
    type Row = CallRow;
    const NAME: &'static str = "Cleancall";
    const PATH: &'static str = "/cleancalls";
    const REL: &'static str = "cleancalls";
    const TITLE: &'static str = "call";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/cleancalls/{id}"), ("messages", "/messages?callId={id}")];
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] = &[("cancel", "/cleancalls/{id}", |state| {
        state.established().is_some_and(|call| matches!(call.status(), Status::Calling | Status::Confirmed))
    })];

    fn of(state: &Call) -> Option<Value> {
        let call = state.established().filter(|call| call.status() != Status::Canceled)?;
        let (id, Request { tel, location, cost }) = (call.attempt.id.get(), &call.attempt.request);
        let cleaner = call.assignment.cleaner.as_ref().filter(|_| call.assignment.progress >= Progress::Assigned);
        Some(json!({
            "id": id, "tel": tel.as_str(), "location": location, "cost": cost.map(Positive::get),
            "status": call.status().name(), "statusLabel": call.status().label(), "cleaner": cleaner,
        }))
    }

    fn schema() -> ObjectBuilder {
        let status = one_of(&SHOWN.map(Status::name)).description(Some("Whether a cleaner is assigned, or done."));
        object("A call for a cleaner that is taken.")
            .property("id", positive("The call."))
            .property("tel", text("The telephone number of the customer."))
            .property("location", nullable(text("The place. Null: any place.")))
            .property("cost", nullable(positive("The price. Null: it is agreed on site.")))
            .property("status", status)
            .property("statusLabel", one_of(&SHOWN.map(Status::label)).description(Some("The status for people.")))
            .property("cleaner", nullable(text("The name of the cleaner. Null: none is assigned yet.")))
    }
}

/// The statuses of calls that have a document.
const SHOWN: [Status; 3] = [Status::Calling, Status::Confirmed, Status::Finished];

/// `POST /cleancalls`.
pub(crate) const CALL: RequestDocument<Offer> = RequestDocument {
    id: "callCleaner",
    about: "Calls for a cleaner. A call that the management does not accept is not taken.",
    id_field: "id",
    schema: request_schema,
    read: read_request,
    problems: || CALL_DECLINED.iter().map(Refusal::example).chain([invalid_telephone()]).collect(),
};

fn read_request(fields: &Fields, customer: Option<Subject>) -> Result<Offer, Problem> {
    let tel = required(fields.text("tel", MAX_LOCATION)?, "tel")?;
    let tel = Telephone::new(tel).map_err(|_| invalid_telephone())?;
    let location = fields.text("location", MAX_LOCATION)?.filter(|place| !place.is_empty()).map(str::to_owned);
    Ok(Offer { request: Request { tel, location, cost: fields.positive("cost")? }, customer })
}

fn request_schema() -> ObjectBuilder {
    let tel = text_like("^[0-9+ -]{7,20}$", Telephone::MAX_CHARS);
    let tel = tel.min_length(Some(Telephone::MIN_CHARS)).description(Some("The telephone number of the customer."));
    let location =
        text_like(r"^[^\x00]*$", MAX_LOCATION).description(Some("The place. Without it, or empty: any place."));
    object("A call for a cleaner.")
        .property("id", or_null(number_or_digits("The call. Without it, an id is assigned.", MAX_EXACT)))
        .property("tel", tel)
        .property("location", or_null(OneOfBuilder::new().item(location)))
        .property("cost", or_null(number_or_digits("The price. Without it, it is agreed on site.", MAX_EXACT)))
        .required("tel")
        .examples([json!({ "tel": "01023221353", "location": "seoul", "cost": 200_000 })])
}

/// `DELETE` of `/cleancalls/{id}`. Idempotent.
pub(crate) const CANCEL: Deletion<Call, CleanCallEvent> = Deletion {
    id: "cancelCleancall",
    about: "Cancels a call: its cleaner is free again. Idempotent.",
    total: "cleancalls_canceled_total",
    apply: |call| call.cancel().map(|event| event.map(Into::into)).map_err(finished),
    repeated: |call| call.established().is_some_and(|call| call.canceled),
    problems: || vec![finished(IsFinished)],
};

fn finished(rule: IsFinished) -> Problem {
    Problem::conflict(rule.to_string())
}

fn invalid_telephone() -> Problem {
    Problem::unprocessable_field("tel", cleancall_domain::InvalidTelephone.to_string())
}
