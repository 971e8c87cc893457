//! The operations of students and tutors, with their documented responses.

use audit::Operation as Recorded;
use serde_json::json;
use workload::{Actor, Call, Operation, Response};

use crate::declared::{ASSIGN, CANCEL, REQUEST};

/// A request for a match that is not known to be established, always at one price.
pub(super) const REQUEST_NEW: Operation = Operation::new("request", &[200, 201, 402]);
/// The same at a price that changes. 409: the match is established at another price.
pub(super) const REQUEST_UNDECIDED: Operation = Operation::new("request undecided", &[200, 201, 402, 409]);
/// The same request after its response.
pub const REQUEST_AGAIN: Operation = Operation::new("request again", &[200]);
/// The id of an established match with another price.
pub(super) const REQUEST_OTHER_PRICE: Operation = Operation::new("other price", &[409]);
/// A tutor accepts a listed request.
pub(super) const ASSIGN_LISTED: Operation = Operation::new("assign", &[201, 409]);
/// A tutor accepts a visit that need not be listed.
pub(super) const ASSIGN_UNLISTED: Operation = Operation::new("assign unlisted", &[201, 404, 409]);
/// The student cancels an established match.
pub(super) const CANCEL_ESTABLISHED: Operation = Operation::new("cancel", &[200]);
/// The student cancels a match that may not be established.
pub(super) const CANCEL_UNKNOWN: Operation = Operation::new("cancel unknown", &[200, 404]);
/// An established match, or its payment.
pub(super) const READ_OWN: Operation = Operation::new("read own", &[200]);
/// A view of a match, which may not have consumed its events yet.
pub(super) const READ_VIEW: Operation = Operation::new("read view", &[200, 404]);
/// The live page of a match.
pub(super) const WATCH: Operation = Operation::new("watch live", &[200, 404]).live();
/// A list.
pub(super) const READ_LIST: Operation = Operation::new("read list", &[200]);

/// A student requests a match with this id.
pub(super) async fn request(student: &Actor, operation: Operation, id: i64, price: i64) -> Option<Response> {
    let body = json!({ "id": id, "price": price, "status": "matchRequest" });
    let recorded = Recorded::new(REQUEST, id, None).with("price", price);
    student.operate(Call::post(operation, "/matches", body), recorded).await
}

/// A student requests a match with an idempotency key. The fleet chooses the id.
pub(super) async fn request_with_key(student: &Actor, operation: Operation, key: &str, price: i64) -> Option<Response> {
    let call = Call::post(operation, "/matches", json!({ "price": price })).with_key(key);
    let response = student.clients.send(call).await?;
    // Without an id the match is not known.
    if let Some(id) = response.body["id"].as_i64() {
        student.clients.record(Recorded::new(REQUEST, id, Some(response.status)).with("price", price));
    }
    Some(response)
}

/// The student cancels.
pub(super) async fn cancel(student: &Actor, operation: Operation, id: i64) {
    let call = Call::patch(operation, format!("/matches/{id}"), json!({ "status": "cancel" }));
    student.operate(call, Recorded::new(CANCEL, id, None)).await;
}

/// A tutor accepts the visit.
pub(super) async fn assign(tutor: &Actor, operation: Operation, id: i64) {
    let body = json!({ "matchId": id, "teacher": format!("TEACHER {}", id % 100), "visitDate": "27/01/21" });
    tutor.operate(Call::post(operation, "/visits", body), Recorded::new(ASSIGN, id, None)).await;
}
