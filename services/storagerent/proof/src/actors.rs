//! A manager registers a room, and customers compete for it: each reserves it, may review it, and may cancel.

use std::time::Duration;

use audit::Operation as Recorded;
use serde_json::json;
use tokio::task::JoinSet;
use workload::{Actor, Call, Operation, Response};

use crate::declared::{CANCEL, RESERVE, REVIEW};

/// A manager registers a room.
const REGISTER: Operation = Operation::new("register room", &[200, 201]);
/// A manager changes the price of a room.
const CHANGE_PRICE: Operation = Operation::new("change price", &[200]);
/// A manager deletes a room, which may be occupied.
const DELETE: Operation = Operation::new("delete room", &[204, 409]);
/// A customer reserves a room that may be occupied. 404: it was deleted.
const RESERVE_ROOM: Operation = Operation::new("reserve", &[200, 201, 402, 404, 409]);
/// The same after its response.
pub const RESERVE_AGAIN: Operation = Operation::new("reserve again", &[200]);
/// Another room under the id of a reservation.
const RESERVE_OTHER_ROOM: Operation = Operation::new("other room", &[409]);
/// The customer cancels an established reservation.
const CANCEL_RESERVATION: Operation = Operation::new("cancel", &[200]);
/// The customer reviews the room. 404: it was deleted. 409: the confirmation has not arrived there yet, or there is a review.
const WRITE_REVIEW: Operation = Operation::new("review", &[201, 404, 409]);
/// An established reservation.
const READ_OWN: Operation = Operation::new("read own", &[200]);
/// A view, which may not have consumed its events yet.
const READ_VIEW: Operation = Operation::new("read view", &[200, 404]);
/// A list.
const READ_LIST: Operation = Operation::new("read list", &[200]);

/// The maximum number of requests of one customer until it has reserved the room.
const ATTEMPTS: u32 = 4;

/// The `Retry-After` of the service, and the pause without a response.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest time until a customer cancels.
const THINK_TIME: Duration = Duration::from_secs(6);

/// The maximum number of customers of a room. Their reservations have the numbers of the room and a digit.
const CUSTOMERS: i64 = 3;

/// A room from its registration on, with its customers. `decided` gets whether one of them has reserved it.
pub async fn room(mut manager: Actor, decided: impl FnOnce(bool)) {
    let (room, price) = (manager.number, manager.random.i64(1..=100_000));
    if !register(&mut manager, room, price).await {
        return decided(false);
    }
    let mut customers = JoinSet::new();
    for digit in 1..=manager.random.i64(1..=CUSTOMERS) {
        customers.spawn(reserve_until_established(manager.companion(10 * room + digit), room));
    }
    let mut established = Vec::new();
    while let Some(customer) = customers.join_next().await {
        established.extend(customer.ok().flatten());
    }
    decided(!established.is_empty());
    let mut works = JoinSet::new();
    for customer in established {
        works.spawn(with_reservation(customer, room));
    }
    manages(&mut manager, room, price).await;
    works.join_all().await;
}

async fn register(manager: &mut Actor, room: i64, price: i64) -> bool {
    let body = json!({ "storageId": room, "description": format!("Room {room}"), "price": price });
    for _ in 0..ATTEMPTS {
        let response = manager.clients.send(Call::post(REGISTER, "/storages", body.clone())).await;
        if response.is_some_and(|response| response.is_success()) {
            return true;
        }
        manager.pause(RETRY_AFTER).await;
    }
    false
}

/// May change the price, which holds for later reservations only, and may delete the room.
async fn manages(manager: &mut Actor, room: i64, price: i64) {
    let path = format!("/storages/{room}");
    if manager.chance(0.2) {
        manager.clients.send(Call::patch(CHANGE_PRICE, &path, json!({ "price": price + 1 }))).await;
    }
    if manager.chance(0.2) {
        let lists = ["/storages", "/reservations", "/payments", "/messages", "/storageviews", "/reviews"];
        let list = lists[manager.random.usize(..lists.len())];
        manager.clients.send(Call::get(READ_LIST, format!("{list}?size=5"))).await;
    }
    manager.pause(THINK_TIME).await;
    if manager.chance(0.1) {
        manager.clients.send(Call::delete(DELETE, path)).await;
    }
}

/// Returns the customer if it has reserved the room in the end.
async fn reserve_until_established(mut customer: Actor, room: i64) -> Option<Actor> {
    for _ in 0..customer.random.u32(1..=ATTEMPTS) {
        if reserve(&customer, RESERVE_ROOM, room).await.is_some_and(|response| response.is_success()) {
            return Some(customer);
        }
        customer.pause(2 * RETRY_AFTER).await;
    }
    None
}

async fn reserve(customer: &Actor, operation: Operation, room: i64) -> Option<Response> {
    let body = json!({ "reservationId": customer.number, "storageId": room });
    let recorded = Recorded::new(RESERVE, customer.number, None).with("storageId", room);
    customer.operate(Call::post(operation, "/reservations", body), recorded).await
}

async fn with_reservation(mut customer: Actor, room: i64) {
    if customer.chance(0.1) {
        reserve(&customer, RESERVE_AGAIN, room).await;
    }
    if customer.chance(0.05) {
        // Not recorded: this response is about the room of the reservation.
        let body = json!({ "reservationId": customer.number, "storageId": room + 1 });
        customer.clients.send(Call::post(RESERVE_OTHER_ROOM, "/reservations", body)).await;
    }
    if customer.chance(0.3) {
        reads(&mut customer, room).await;
    }
    if customer.chance(0.3) {
        customer.pause(THINK_TIME / 2).await;
        review(&customer, room).await;
    }
    if customer.chance(0.5) {
        customer.pause(THINK_TIME).await;
        cancel(&customer).await;
        if customer.chance(0.2) {
            cancel(&customer).await;
        }
        if customer.chance(0.3) {
            review(&customer, room).await;
        }
    }
}

async fn reads(customer: &mut Actor, room: i64) {
    let own = format!("/reservations/{}", customer.number);
    if let Some(found) = customer.clients.send(Call::get(READ_OWN, &own)).await
        && found.status == 200
        && found.body["storageId"] != room
    {
        customer.clients.contradiction(format!("{own} is of room {room}, but it is {}", found.body));
    }
    customer.clients.send(Call::get(READ_VIEW, format!("/storageviews/{room}"))).await;
}

async fn review(customer: &Actor, room: i64) {
    let body = json!({ "storageId": room, "reservationId": customer.number, "content": "Dry and clean." });
    customer.operate(Call::post(WRITE_REVIEW, "/reviews", body), Recorded::new(REVIEW, customer.number, None)).await;
}

async fn cancel(customer: &Actor) {
    let call = Call::patch(
        CANCEL_RESERVATION,
        format!("/reservations/{}", customer.number),
        json!({ "reservationStatus": "reqCancel" }),
    );
    customer.operate(call, Recorded::new(CANCEL, customer.number, None)).await;
}
