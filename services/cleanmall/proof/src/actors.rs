//! A customer calls for a cleaner, and may cancel; the operator reports finished work.

use std::time::Duration;

use audit::Operation as Recorded;
use serde_json::{Value, json};
use workload::{Actor, Call, Operation, Response};

use crate::declared::{CALL, CANCEL, FINISH};

/// A customer calls. 409: the management declines.
const CALL_CLEANER: Operation = Operation::new("call", &[200, 201, 409]);
/// The same after its response.
pub const CALL_AGAIN: Operation = Operation::new("call again", &[200]);
/// Another place under the id of a call.
const CALL_OTHER_PLACE: Operation = Operation::new("other place", &[409]);
/// The customer cancels. 404: it was not taken. 409: the work is done.
const CANCEL_CALL: Operation = Operation::new("cancel", &[204, 409]);
/// The work is done. 404, 409: the call has not arrived there yet, or no cleaner is assigned.
const FINISH_WORK: Operation = Operation::new("finish", &[200, 404, 409]);
/// A call that is taken, and perhaps cancelled.
const READ_OWN: Operation = Operation::new("read own", &[200, 404]);
/// A list.
const READ_LIST: Operation = Operation::new("read list", &[200]);

/// The maximum number of requests of one customer until the call is taken.
const ATTEMPTS: u32 = 4;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest time until a customer cancels, or the work is done.
const THINK_TIME: Duration = Duration::from_secs(6);

/// How often the operator tries to report finished work: a call may wait for a cleaner.
const FINISHES: u32 = 12;

/// The places; null is any place.
const PLACES: [Option<&str>; 3] = [Some("seoul"), Some("busan"), None];

/// A call from its request on. `decided` gets whether it is taken.
pub async fn call(mut customer: Actor, decided: impl FnOnce(bool)) {
    let place = PLACES[customer.random.usize(..PLACES.len())];
    let is_taken = call_until_taken(&mut customer, place).await;
    decided(is_taken);
    if !is_taken {
        return;
    }
    if customer.chance(0.1) {
        request(&customer, CALL_AGAIN, place).await;
    }
    if customer.chance(0.05) {
        // Not recorded: this response is about the place of the call.
        let body = json!({ "id": customer.number, "tel": TEL, "location": "jeju" });
        customer.clients.send(Call::post(CALL_OTHER_PLACE, "/cleancalls", body)).await;
    }
    if customer.chance(0.2) {
        reads(&mut customer).await;
    }
    if customer.chance(0.3) {
        customer.pause(THINK_TIME / 2).await;
        cancel(&customer).await;
        if customer.chance(0.2) {
            cancel(&customer).await;
        }
    }
    finish(&mut customer).await;
}

/// The telephone number of all customers.
const TEL: &str = "01023221353";

async fn call_until_taken(customer: &mut Actor, place: Option<&str>) -> bool {
    for _ in 0..customer.random.u32(1..=ATTEMPTS) {
        if request(customer, CALL_CLEANER, place).await.is_some_and(|response| response.is_success()) {
            return true;
        }
        customer.pause(2 * RETRY_AFTER).await;
    }
    false
}

async fn request(customer: &Actor, operation: Operation, place: Option<&str>) -> Option<Response> {
    let mut body = json!({ "id": customer.number, "tel": TEL, "cost": 200_000 });
    let mut recorded = Recorded::new(CALL, customer.number, None);
    if let Some(place) = place {
        body["location"] = place.into();
        recorded = recorded.with("location", place);
    }
    customer.operate(Call::post(operation, "/cleancalls", body), recorded).await
}

async fn reads(customer: &mut Actor) {
    let own = format!("/cleancalls/{}", customer.number);
    if let Some(found) = customer.clients.send(Call::get(READ_OWN, &own)).await
        && found.status == 200
        && found.body["id"] != customer.number
    {
        customer.clients.contradiction(format!("{own} is {}", found.body));
    }
    let lists = ["/cleancalls", "/cleanmanages", "/cleanassigns", "/cleaners"];
    let list = lists[customer.random.usize(..lists.len())];
    customer.clients.send(Call::get(READ_LIST, format!("{list}?size=5"))).await;
}

async fn cancel(customer: &Actor) {
    let call = Call::delete(CANCEL_CALL, format!("/cleancalls/{}", customer.number));
    customer.operate(call, Recorded::new(CANCEL, customer.number, None)).await;
}

/// Says that the work is done as soon as a cleaner is assigned. A call that was cancelled has none.
async fn finish(customer: &mut Actor) {
    let (path, body): (String, Value) = (format!("/cleanassigns/{}", customer.number), json!({ "status": "finished" }));
    for _ in 0..FINISHES {
        customer.pause(THINK_TIME / 2).await;
        let call = Call::patch(FINISH_WORK, &path, body.clone());
        let response = customer.operate(call, Recorded::new(FINISH, customer.number, None)).await;
        if response.is_some_and(|response| response.is_success()) {
            return;
        }
    }
}
