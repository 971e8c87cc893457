//! A customer orders pizzas, may cancel, and may request refunds; the courier of the order delivers, and ends returns.

use std::time::Duration;

use audit::Operation as Recorded;
use serde_json::json;
use workload::{Actor, Call, Operation, Response};

use crate::declared::{CANCEL, DELIVER, ORDER, REFUND};

/// A customer orders.
const PLACE_ORDER: Operation = Operation::new("order", &[200, 201, 402]);
/// The same after its response.
pub const ORDER_AGAIN: Operation = Operation::new("order again", &[200]);
/// Another quantity under the same id.
const ORDER_OTHER: Operation = Operation::new("order otherwise", &[409]);
/// The customer cancels. 409: the order is delivered.
const CANCEL_ORDER: Operation = Operation::new("cancel", &[200, 409]);
/// The courier reports a status. 404: the delivery has not started yet. 409: the order is cancelled.
const REPORT: Operation = Operation::new("report delivery", &[200, 404, 409]);
/// The customer requests a refund. 409: the order is not delivered, cancelled or already refunded. 404: delivery does not
/// know the order yet.
const REQUEST_REFUND: Operation = Operation::new("refund", &[200, 201, 404, 409]);
/// An established order.
const READ_OWN: Operation = Operation::new("read own", &[200]);
/// A view or another context, which may not have consumed its events yet.
const READ_VIEW: Operation = Operation::new("read view", &[200, 404]);
/// A list.
const READ_LIST: Operation = Operation::new("read list", &[200]);

/// The maximum number of requests of a customer until the order is established.
const REQUESTS: u32 = 8;

/// The maximum number of reports of a courier.
const ATTEMPTS: u32 = 4;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest time until a customer or a courier goes on.
const THINK_TIME: Duration = Duration::from_secs(4);

/// The kinds of pizza that are ordered.
const PIZZAS: [i64; 3] = [10, 20, 30];

/// An order from its request on. `decided` gets whether it is established.
pub async fn order(mut customer: Actor, decided: impl FnOnce(bool)) {
    let (pizza, qty) = (PIZZAS[customer.random.usize(..PIZZAS.len())], customer.random.i64(1..=3));
    let is_established = order_until_established(&mut customer, pizza, qty).await;
    decided(is_established);
    if !is_established {
        return;
    }
    let mut courier = customer.companion(customer.number);
    // The courier hands the pizza over while the customer may cancel.
    tokio::join!(delivers(&mut courier), with_order(&mut customer, pizza, qty));
    // A second refund may follow a cancelled one.
    for _ in 0..customer.random.u32(0..=2) {
        refund(&mut customer, &mut courier).await;
    }
}

async fn order_until_established(customer: &mut Actor, pizza: i64, qty: i64) -> bool {
    for _ in 0..customer.random.u32(2..=REQUESTS) {
        if place(customer, PLACE_ORDER, pizza, qty).await.is_some_and(|response| response.is_success()) {
            return true;
        }
        customer.pause(2 * RETRY_AFTER).await;
    }
    false
}

async fn place(customer: &Actor, operation: Operation, pizza: i64, qty: i64) -> Option<Response> {
    let body = json!({ "id": customer.number, "pizzaId": pizza, "qty": qty });
    let recorded = Recorded::new(ORDER, customer.number, None).with("pizzaId", pizza).with("qty", qty);
    customer.operate(Call::post(operation, "/orders", body), recorded).await
}

async fn with_order(customer: &mut Actor, pizza: i64, qty: i64) {
    if customer.chance(0.1) {
        place(customer, ORDER_AGAIN, pizza, qty).await;
    }
    if customer.chance(0.05) {
        // Not recorded: this response is about the established order.
        let body = json!({ "id": customer.number, "pizzaId": pizza, "qty": qty + 1 });
        customer.clients.send(Call::post(ORDER_OTHER, "/orders", body)).await;
    }
    if customer.chance(0.3) {
        reads(customer, pizza).await;
    }
    if customer.chance(0.35) {
        customer.pause(THINK_TIME).await;
        cancel(customer).await;
        if customer.chance(0.2) {
            cancel(customer).await;
        }
    }
}

async fn reads(customer: &mut Actor, pizza: i64) {
    let own = format!("/orders/{}", customer.number);
    if let Some(found) = customer.clients.send(Call::get(READ_OWN, &own)).await
        && found.status == 200
        && found.body["pizzaId"] != pizza
    {
        customer.clients.contradiction(format!("{own} is of pizza {pizza}, but it is {}", found.body));
    }
    let views = ["/statusviews", "/deliveries", "/coupons", "/refunds", "/payments"];
    let view = views[customer.random.usize(..views.len())];
    customer.clients.send(Call::get(READ_VIEW, format!("{view}/{}", customer.number))).await;
    customer.clients.send(Call::get(READ_LIST, format!("{view}?size=5"))).await;
}

async fn cancel(customer: &Actor) {
    let call = Call::patch(CANCEL_ORDER, format!("/orders/{}", customer.number), json!({ "status": "cancel" }));
    customer.operate(call, Recorded::new(CANCEL, customer.number, None)).await;
}

/// Reports a status until delivery accepts it, or will not.
async fn report(courier: &mut Actor, status: &str) -> bool {
    let path = format!("/deliveries/{}", courier.number);
    for _ in 0..ATTEMPTS {
        let call = Call::patch(REPORT, &path, json!({ "deliveryStatus": status }));
        let response = if status == "Finished" {
            courier.operate(call, Recorded::new(DELIVER, courier.number, None)).await
        } else {
            courier.clients.send(call).await
        };
        match response.map(|response| response.status) {
            Some(200) => return true,
            Some(409) => return false,
            _ => courier.pause(2 * RETRY_AFTER).await,
        }
    }
    false
}

async fn delivers(courier: &mut Actor) {
    courier.pause(THINK_TIME).await;
    if courier.chance(0.9) {
        report(courier, "Finished").await;
    }
}

/// The customer requests a refund, and the courier ends the return, perhaps at the same time.
async fn refund(customer: &mut Actor, courier: &mut Actor) {
    customer.pause(THINK_TIME).await;
    let end = if courier.chance(0.6) { "refundCanceled" } else { "returned" };
    let is_impatient = courier.chance(0.5);
    let ended = async {
        if is_impatient {
            report(courier, end).await;
        }
    };
    let body = json!({ "orderId": customer.number, "reason": "delivery error" });
    let request = Call::post(REQUEST_REFUND, "/refunds", body);
    let recorded = Recorded::new(REFUND, customer.number, None);
    tokio::join!(customer.operate(request, recorded), ended);
    courier.pause(THINK_TIME).await;
    if courier.chance(0.8) {
        report(courier, end).await;
    }
}
