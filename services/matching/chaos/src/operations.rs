//! The operations of students and tutors, with their documented responses.

use audit::Operation as Recorded;
use chaos::{Call, Clients, Operation};
use matching_audit::{ASSIGN, CANCEL, REQUEST};
use serde_json::json;
use testkit::ApiResponse;

/// A request for a match that is not known to be established.
pub const REQUEST_NEW: Operation = Operation::new("request", &[200, 201, 402]);
/// The same after its response.
pub const REQUEST_AGAIN: Operation = Operation::new("request again", &[200]);
/// The same id with another price.
pub const REQUEST_OTHER_PRICE: Operation = Operation::new("other price", &[409]);
/// A tutor accepts a listed request.
pub const ASSIGN_LISTED: Operation = Operation::new("assign", &[201, 409]);
/// A tutor accepts a visit while its student cancels.
pub const ASSIGN_UNLISTED: Operation = Operation::new("assign unlisted", &[201, 404, 409]);
/// The student cancels an established match.
pub const CANCEL_ESTABLISHED: Operation = Operation::new("cancel", &[200]);
/// An established match, or its payment.
pub const READ_OWN: Operation = Operation::new("read own", &[200]);
/// A view of a match, which may not have consumed its events yet.
pub const READ_VIEW: Operation = Operation::new("read view", &[200, 404]);
/// The live page of a match.
pub const WATCH: Operation = Operation::new("watch live", &[200, 404]).live();
/// A list.
pub const READ_LIST: Operation = Operation::new("read list", &[200]);

/// A student requests a match with this id.
pub async fn request(clients: &Clients, operation: Operation, id: i64, price: i64) -> Option<ApiResponse> {
    let body = json!({ "id": id, "price": price, "status": "matchRequest" });
    let response = clients.send(Call::post(operation, "/matches", body)).await;
    clients.record(Recorded::new(REQUEST, id, status(response.as_ref())).with("price", price));
    response
}

/// A student requests a match with an idempotency key. The fleet chooses the id.
pub async fn request_with_key(clients: &Clients, operation: Operation, key: &str, price: i64) -> Option<ApiResponse> {
    let call = Call::post(operation, "/matches", json!({ "price": price })).with_key(key);
    let response = clients.send(call).await;
    // Without an id the match is not known.
    if let Some(id) = response.as_ref().and_then(|response| response.body["id"].as_i64()) {
        clients.record(Recorded::new(REQUEST, id, status(response.as_ref())).with("price", price));
    }
    response
}

/// The student cancels.
pub async fn cancel(clients: &Clients, id: i64) {
    let call = Call::patch(CANCEL_ESTABLISHED, format!("/matches/{id}"), json!({ "status": "cancel" }));
    let response = clients.send(call).await;
    clients.record(Recorded::new(CANCEL, id, status(response.as_ref())));
}

/// A tutor accepts the visit.
pub async fn assign(clients: &Clients, operation: Operation, id: i64) {
    let body = json!({ "matchId": id, "teacher": format!("TEACHER {}", id % 100), "visitDate": "27/01/21" });
    let response = clients.send(Call::post(operation, "/visits", body)).await;
    clients.record(Recorded::new(ASSIGN, id, status(response.as_ref())));
}

/// A client reads.
pub async fn read(clients: &Clients, operation: Operation, path: &str) -> Option<ApiResponse> {
    clients.send(Call::get(operation, path)).await
}

fn status(response: Option<&ApiResponse>) -> Option<u16> {
    response.map(|response| response.status)
}
