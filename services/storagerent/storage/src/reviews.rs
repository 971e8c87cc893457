//! The command of customers: they review a room that they have reserved.

use axum::extract::State;
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, or_null, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{created, created_or, store_problem};
use serde_json::json;
use storage_domain::ReviewRefusal;
use utoipa::openapi::schema::ObjectBuilder;

use crate::documents::Review;
use crate::rooms::unknown;
use crate::state::CUSTOMER;
use crate::store::{NotReviewed, ReviewRequest, RoomStore};

/// The maximum length of a review in characters.
const MAX_CONTENT: usize = 1_000;

/// Handles `POST /reviews`.
pub(crate) async fn write(
    State(rooms): State<RoomStore>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    let customer = principal.require_subject(CUSTOMER)?;
    let storage_id = required(fields.whole_number("storageId", 1..=MAX_EXACT)?, "storageId")?;
    correlate(storage_id);
    let reservation_id = fields.whole_number("reservationId", 1..=MAX_EXACT)?;
    let content = fields.text("content", MAX_CONTENT)?.filter(|content| !content.trim().is_empty());
    let content = required(content, "content")?.to_owned();
    let request = ReviewRequest { storage_id, reservation_id, content, customer };
    let review = rooms.review(request, trace).await.map_err(store_problem)?;
    created::<Review>(&review.map_err(|refusal| not_reviewed(storage_id, refusal))?)
}

fn not_reviewed(storage_id: i64, refusal: NotReviewed) -> Problem {
    match refusal {
        NotReviewed::Unknown => unknown(storage_id),
        NotReviewed::Refused(refusal @ ReviewRefusal::OtherCustomer) => Problem::forbidden(refusal.to_string()),
        NotReviewed::Refused(refusal) => Problem::conflict(refusal.to_string()),
    }
}

pub(crate) fn request() -> ObjectBuilder {
    let reservation = "The reservation. Left out: the latest one without a review.";
    let content = text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", MAX_CONTENT);
    object("A review of a room.")
        .property("storageId", number_or_digits("The room.", MAX_EXACT))
        .property("reservationId", or_null(number_or_digits(reservation, MAX_EXACT)))
        .property("content", content.description(Some("The text: more than spaces.")))
        .required("storageId")
        .required("content")
        .examples([json!({ "storageId": 1, "reservationId": 1, "content": "dry and clean" })])
}

pub(crate) fn written() -> Responses {
    let refusals = [ReviewRefusal::OtherCustomer, ReviewRefusal::NeverReserved, ReviewRefusal::Reviewed];
    let refusals = refusals.map(NotReviewed::Refused).into_iter().chain([NotReviewed::Unknown]);
    let missing = Problem::unprocessable_field("content", "is required");
    created_or::<Review>(refusals.map(|refusal| not_reviewed(1, refusal)).chain([missing]))
}
