//! A customer orders, and may cancel while the kitchen may take the order.

use std::time::Duration;

use audit::Operation as Recorded;
use serde_json::json;
use workload::{Actor, Call, Operation, Response};

use crate::declared::{CANCEL, FINISH, ORDER, TAKE};

/// A customer orders a dish. 409: the price has changed.
const ORDER_DISH: Operation = Operation::new("order", &[200, 201, 409]);
/// The same after its response.
pub const ORDER_AGAIN: Operation = Operation::new("order again", &[200]);
/// Other contents under the id of an order.
const ORDER_OTHER: Operation = Operation::new("other contents", &[409]);
/// The customer cancels. 409: it is too late.
const CANCEL_ORDER: Operation = Operation::new("cancel", &[200, 409]);
/// The kitchen takes an order. 404: it has not received it yet. 409: it is cancelled.
const TAKE_ORDER: Operation = Operation::new("take", &[200, 404, 409]);
/// The kitchen finishes an order that it has taken.
const FINISH_ORDER: Operation = Operation::new("finish", &[200]);
/// A shop changes the price of a dish.
const CHANGE_PRICE: Operation = Operation::new("change price", &[200, 201]);
/// An existing order.
const READ_OWN: Operation = Operation::new("read own", &[200]);
/// The state in the kitchen, and a view, which may not have consumed their events yet.
const READ_VIEW: Operation = Operation::new("read view", &[200, 404]);
/// A list.
const READ_LIST: Operation = Operation::new("read list", &[200]);
/// The board, followed for a while.
const FOLLOW: Operation = Operation::new("follow", &[200]).live();

/// The maximum number of requests of one customer until it has ordered, and of a kitchen for one step.
const ATTEMPTS: u32 = 5;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest time until a customer cancels, or a kitchen takes an order.
const THINK_TIME: Duration = Duration::from_secs(3);

/// The shops of the default menu, and the dishes of each.
const SHOPS: i64 = 3;

/// An order from its request on, with its kitchen. `decided` gets whether it was placed.
pub async fn customer(mut customer: Actor, decided: impl FnOnce(bool)) {
    let dish = (customer.random.i64(1..=SHOPS), customer.random.i64(1..=SHOPS));
    if customer.chance(0.05) {
        let body = json!({ "name": "Ice cream of the season", "price": customer.random.i64(400..600) });
        let call = Call { method: "PUT", ..Call::post(CHANGE_PRICE, "/menus/3/3", body) };
        customer.clients.send(call).await;
    }
    let placed = order_until_placed(&mut customer, dish).await;
    decided(placed);
    if !placed {
        return;
    }
    let kitchen = customer.companion(customer.number);
    tokio::join!(cooks(kitchen), with_order(customer, dish));
}

async fn order_until_placed(customer: &mut Actor, dish: (i64, i64)) -> bool {
    let qty = customer.random.i64(1..=99);
    for _ in 0..ATTEMPTS {
        if order(customer, ORDER_DISH, dish, qty).await.is_some_and(|response| response.is_success()) {
            return true;
        }
        customer.pause(2 * RETRY_AFTER).await;
    }
    false
}

async fn order(customer: &Actor, operation: Operation, (shop, menu): (i64, i64), qty: i64) -> Option<Response> {
    let body = json!({ "orderId": customer.number, "shopId": shop, "menuId": menu, "qty": qty });
    let recorded =
        Recorded::new(ORDER, customer.number, None).with("shopId", shop).with("menuId", menu).with("qty", qty);
    customer.operate(Call::post(operation, "/orders", body), recorded).await
}

/// The kitchen takes the order as soon as it can, or later, or never; and may finish it.
async fn cooks(mut kitchen: Actor) {
    if !kitchen.chance(0.8) {
        return;
    }
    if kitchen.chance(0.5) {
        kitchen.pause(THINK_TIME).await;
    }
    if !step(&mut kitchen, TAKE_ORDER, TAKE, "cook").await {
        return;
    }
    if kitchen.chance(0.8) {
        kitchen.pause(THINK_TIME).await;
        step(&mut kitchen, FINISH_ORDER, FINISH, "cooked").await;
    }
}

/// Whether the kitchen has taken the step.
async fn step(kitchen: &mut Actor, operation: Operation, recorded: &'static str, status: &str) -> bool {
    for _ in 0..ATTEMPTS {
        let body = json!({ "orderId": kitchen.number, "cookStatus": status });
        let call = Call::post(operation, "/cook/statusChange", body);
        match kitchen.operate(call, Recorded::new(recorded, kitchen.number, None)).await {
            Some(response) if response.is_success() => return true,
            Some(response) if response.status == 409 => return false,
            _ => kitchen.pause(RETRY_AFTER / 2).await,
        }
    }
    false
}

async fn with_order(mut customer: Actor, dish: (i64, i64)) {
    if customer.chance(0.1) {
        let qty = customer.clients.send(Call::get(READ_OWN, own(&customer))).await;
        if let Some(qty) = qty.and_then(|found| found.body["qty"].as_i64()) {
            order(&customer, ORDER_AGAIN, dish, qty).await;
            // Not recorded: this response is about the contents of the order.
            let other = json!({ "orderId": customer.number, "shopId": dish.0, "menuId": dish.1, "qty": qty % 99 + 1 });
            customer.clients.send(Call::post(ORDER_OTHER, "/orders", other)).await;
        }
    }
    if customer.chance(0.6) {
        if customer.chance(0.5) {
            customer.pause(THINK_TIME).await;
        }
        cancel(&mut customer).await;
    }
    if customer.chance(0.3) {
        reads(&mut customer, dish.0).await;
    }
}

fn own(customer: &Actor) -> String {
    format!("/orders/{}", customer.number)
}

/// Repeats the cancellation until it is answered, or not: the order may be left undecided.
async fn cancel(customer: &mut Actor) {
    for _ in 0..customer.random.u32(1..=3) {
        let body = json!({ "orderId": customer.number, "status": "cancel" });
        let call = Call::post(CANCEL_ORDER, "/orders/cancel", body);
        let response = customer.operate(call, Recorded::new(CANCEL, customer.number, None)).await;
        match response.map(|response| response.status) {
            Some(200) => return is_dropped(customer).await,
            Some(409) => return,
            _ => customer.pause(RETRY_AFTER).await,
        }
    }
}

/// A kitchen that has agreed to a cancellation remembers it, whether the order has come or not.
async fn is_dropped(customer: &Actor) {
    let path = format!("/cook/cookStatusCheck?orderId={}", customer.number);
    if let Some(found) = customer.clients.send(Call::get(READ_VIEW, &path)).await
        && matches!(found.status, 200 | 404)
        && found.body != "cancel"
    {
        customer.clients.contradiction(format!("the order is cancelled, but {path} is {}", found.body));
    }
}

async fn reads(customer: &mut Actor, shop: i64) {
    let id = customer.number;
    let path = own(customer);
    if let Some(found) = customer.clients.send(Call::get(READ_OWN, &path)).await
        && found.status == 200
        && found.body["shopId"] != shop
    {
        customer.clients.contradiction(format!("{path} is of shop {shop}, but it is {}", found.body));
    }
    customer.clients.send(Call::get(READ_VIEW, format!("/cook/cookStatusCheck?orderId={id}"))).await;
    customer.clients.send(Call::get(READ_VIEW, format!("/views/{id}"))).await;
    let lists = ["/menus", "/orders", "/cooks", "/alarms", "/views"];
    let list = lists[customer.random.usize(..lists.len())];
    customer.clients.send(Call::get(READ_LIST, format!("{list}?shopId={shop}&size=5"))).await;
    if customer.chance(0.3) {
        customer.watch(FOLLOW, &format!("/views/events?shopId={shop}"), THINK_TIME).await;
    }
}
