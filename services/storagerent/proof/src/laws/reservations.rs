//! A reservation, its hold, its payment and its messages agree. Responses are true.

use audit::{Case, CaseEvent, EventKind, Fields, ImpliedEvent, Table, Value, fields};

use crate::declared::{
    CANCEL_REQUESTED, CANCELLED, CONFIRMED, CREATED, HOLDS, MESSAGES, PAYMENT_APPROVED, PAYMENT_CANCELLED, PAYMENTS,
    REFUNDS_DUE, RESERVATIONS, RESERVE, REVIEWS,
};
use crate::laws::ESTABLISHED;

/// The reservation, if it is established.
fn established<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    case.row(&RESERVATIONS).filter(|row| row.text("phase") == Some("established"))
}

/// The reservation, if it is established and not cancelled.
fn standing<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    established(case).filter(|row| !is_cancelled(row))
}

fn is_cancelled(row: &Fields) -> bool {
    row.text("status") == Some("cancelled")
}

fn in_state<'a>(case: &Case<'a>, table: &Table, state: &str) -> Option<&'a Fields> {
    case.row(table).filter(|row| row.text("state") == Some(state))
}

fn show(row: Option<&Fields>) -> String {
    row.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// It is established for the requested room.
pub(super) fn answered(case: &Case<'_>, violations: &mut Vec<String>) {
    let Some(row) = established(case) else {
        violations.push("a request was answered 200 or 201, but the reservation is not established".to_owned());
        return;
    };
    let answered = case.operations(RESERVE).filter(|request| request.status.is_some_and(|s| ESTABLISHED.contains(&s)));
    if let Some(other) =
        answered.filter_map(|request| request.i64("storageId")).find(|id| Some(*id) != row.i64("storage_id"))
    {
        violations
            .push(format!("a request for the room {other} was answered 200 or 201, but the reservation is {row}"));
    }
}

/// Neither a reservation, nor a hold, nor money.
pub(super) fn refused(case: &Case<'_>, violations: &mut Vec<String>) {
    let found = [
        ("the reservation is established", established(case)),
        ("it holds a room", in_state(case, &HOLDS, "held").or_else(|| in_state(case, &HOLDS, "reserved"))),
        ("it is paid", in_state(case, &PAYMENTS, "Approved")),
    ];
    let found = found.into_iter().filter_map(|(what, row)| Some((what, row?)));
    violations.extend(found.map(|(what, row)| format!("every request was refused, but {what}: {row}")));
}

/// The reservation is cancelled.
pub(super) fn cancelled(case: &Case<'_>, violations: &mut Vec<String>) {
    if !established(case).is_some_and(is_cancelled) {
        let row = show(case.row(&RESERVATIONS));
        violations.push(format!("a cancellation was answered 200, but the reservation is {row}"));
    }
}

/// There is a review by the reservation.
pub(super) fn reviewed(case: &Case<'_>, violations: &mut Vec<String>) {
    if case.row(&REVIEWS).is_none() {
        violations.push("a review was answered 201, but there is none".to_owned());
    }
}

/// No reservation is undecided or on its way, no hold is unconfirmed, and no refund is due.
pub(super) fn decided(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (row, refunds) = (case.row(&RESERVATIONS), case.rows(&REFUNDS_DUE));
    let is_at_rest = |row: &&Fields| match row.text("phase") {
        Some("established") => matches!(row.text("status"), Some("reserved" | "cancelled")),
        phase => phase == Some("void"),
    };
    if let Some(row) = row.filter(|row| !is_at_rest(row)) {
        violations.push(format!("the reservation is on its way: {row}"));
    }
    if let Some(row) = row.filter(|row| row.text("phase") == Some("established") && !row.flag("paid")) {
        violations.push(format!("the approval of the payment is not consumed: {row}"));
    }
    if let Some(hold) = in_state(case, &HOLDS, "held") {
        violations.push(format!("the hold is not confirmed: {hold}"));
    }
    violations.extend(refunds.iter().map(|due| format!("a refund is due: {due}")));
    row.is_some() || !refunds.is_empty()
}

/// Reservation, hold and payment are of the same attempt, room, hold number, price and customer; or there is none of them.
pub(super) fn agree(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (reservation, hold) = (standing(case), in_state(case, &HOLDS, "reserved"));
    let payment = in_state(case, &PAYMENTS, "Approved");
    let facts = |row: &Fields, number| ["attempt", "price", "storage_id", number].map(|name| row.get(name).clone());
    let reserved = reservation.map(|row| facts(row, "hold"));
    let occupied = hold.map(|row| facts(row, "number"));
    let paid = payment.map(|row| {
        let details: Value = row.text("details").and_then(|text| text.parse().ok()).unwrap_or(Value::Null);
        let [attempt, price] = ["attempt", "price"].map(|name| row.get(name).clone());
        [attempt, price, details["storage_id"].clone(), details["hold"].clone()]
    });
    if reserved != occupied || reserved != paid {
        violations.push(format!(
            "the reservation is {}, its hold {}, its payment {}",
            show(case.row(&RESERVATIONS)),
            show(case.row(&HOLDS)),
            show(case.row(&PAYMENTS))
        ));
    }
    let owner = |row: Option<&Fields>| row.map(|row| row.get("customer").clone());
    if owner(reservation) != owner(hold) {
        violations.push(format!("the reservation is of {:?}, its hold of {:?}", owner(reservation), owner(hold)));
    }
    reservation.is_some() || hold.is_some() || payment.is_some()
}

/// The money that the topic has as taken and not paid back, the money in the store, and the price of the reservation.
pub(super) fn money(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let sum = |kind| case.of_kind(kind).filter_map(|event| event.fields.i64("price")).sum::<i64>();
    let price = |row: Option<&Fields>| row.and_then(|row| row.i64("price")).unwrap_or_default();
    let topic = sum(PAYMENT_APPROVED) - sum(PAYMENT_CANCELLED);
    let (store, worth) = (price(in_state(case, &PAYMENTS, "Approved")), price(standing(case)));
    if topic != store || store != worth {
        violations
            .push(format!("taken is {topic} by the topic and {store} by the store; the reservation is worth {worth}"));
    }
    case.row(&PAYMENTS).is_some() || case.of_kind(PAYMENT_APPROVED).next().is_some()
}

/// An established reservation was created once. It was confirmed, unless the cancellation was requested before. Its
/// cancellation was requested and carried out once, if it is cancelled. No other attempt has events.
pub(super) fn events(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = established(case) else { return Vec::new() };
    let bill = || {
        [("reservationId", case.id.into())].into_iter().chain(
            [("attempt", "attempt"), ("storageId", "storage_id"), ("hold", "hold")]
                .map(|(field, column)| (field, row.get(column).clone())),
        )
    };
    let customer = ("customer", row.get("customer").clone());
    let implied = |kind: EventKind, more: &[(&'static str, Value)]| {
        kind.with(bill().chain(more.iter().cloned()).collect::<Fields>())
    };
    let mut events = vec![implied(CREATED, &[("price", row.get("price").clone()), customer.clone()])];
    let was_confirmed = case.of_kind(CONFIRMED).next().is_some();
    if !is_cancelled(row) || was_confirmed {
        events.push(implied(CONFIRMED, std::slice::from_ref(&customer)));
    }
    if is_cancelled(row) {
        events.extend([implied(CANCEL_REQUESTED, &[]), implied(CANCELLED, &[customer])]);
    }
    events
}

/// The latest attempt was approved if it is approved or cancelled, and cancelled once if it is cancelled. All earlier ones
/// that were approved are cancelled.
pub(super) fn payment_events(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&PAYMENTS);
    let of_attempt =
        |kind, attempt| case.of_kind(kind).filter(move |event| event.fields.i64("attempt") == attempt).count();
    let latest = row.and_then(|row| row.i64("attempt"));
    let expected = match row.and_then(|row| row.text("state")) {
        Some("Approved") => (1, 0),
        Some("Canceled") => (1, 1),
        _ => (0, 0),
    };
    let published = |attempt| (of_attempt(PAYMENT_APPROVED, attempt), of_attempt(PAYMENT_CANCELLED, attempt));
    if published(latest) != expected {
        violations.push(format!("the payment is {}, but its events are {:?}", show(row), published(latest)));
    }
    let earlier =
        case.published_by("payment").map(|event| event.fields.i64("attempt")).filter(|attempt| *attempt != latest);
    for attempt in earlier {
        if published(attempt) != (1, 1) {
            violations.push(format!("the earlier attempt {attempt:?} has the events {:?}", published(attempt)));
        }
    }
    row.is_some() || case.published_by("payment").next().is_some()
}

/// The events of reservation and of payment: attempt by attempt, and step by step within each.
pub(super) fn in_order(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    const STEPS: [EventKind; 6] =
        [PAYMENT_APPROVED, PAYMENT_CANCELLED, CREATED, CONFIRMED, CANCEL_REQUESTED, CANCELLED];
    let rank = |event: &CaseEvent| (event.fields.i64("attempt"), STEPS.iter().position(|kind| event.is(*kind)));
    for context in ["reservation", "payment"] {
        let events: Vec<&CaseEvent> = case.published_by(context).collect();
        let disordered = events.windows(2).filter(|pair| rank(pair[0]) >= rank(pair[1]));
        violations.extend(disordered.map(|pair| format!("{} follows {} in the topic", pair[1].kind, pair[0].kind)));
    }
    case.published_by("reservation").next().is_some()
}

/// One message per confirmation and one per cancellation, with the customer of the event.
pub(super) fn messages(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let rows = case.rows_referring_by(&MESSAGES, "reservation_id");
    let mut expected: Vec<[Value; 4]> = [(CONFIRMED, "confirmed"), (CANCELLED, "cancelled")]
        .into_iter()
        .flat_map(|(kind, name)| case.of_kind(kind).map(move |event| (event, name)))
        .map(|(event, name)| {
            let field = |name| event.fields.get(name).clone();
            [name.into(), field("attempt"), field("storageId"), field("customer")]
        })
        .collect();
    for row in rows {
        let facts = ["kind", "attempt", "storage_id", "customer"].map(|name| row.get(name).clone());
        match expected.iter().position(|other| *other == facts) {
            Some(place) => drop(expected.swap_remove(place)),
            None => violations.push(format!("there is a message without an event: {row}")),
        }
    }
    violations.extend(expected.iter().map(|facts| format!("there is no message of {facts:?}")));
    !rows.is_empty() || case.of_kind(CONFIRMED).next().is_some()
}

/// The review belongs to a hold of that room that was confirmed, of the same customer.
pub(super) fn review(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (review, hold) = (case.row(&REVIEWS), case.row(&HOLDS));
    if review.is_some() != hold.is_some_and(|hold| hold.flag("reviewed")) {
        violations.push(format!("the review is {}, but the hold is {}", show(review), show(hold)));
    }
    let Some(review) = review else { return false };
    let was_confirmed = case.of_kind(CONFIRMED).next().is_some();
    let same =
        hold.is_some_and(|hold| ["storage_id", "customer"].iter().all(|name| hold.get(name) == review.get(name)));
    if !was_confirmed || !same {
        violations.push(format!("the review is {review}, but the hold is {}", show(hold)));
    }
    true
}

/// The fields of an event about a hold.
pub(super) fn hold_of(event: &CaseEvent) -> Fields {
    fields! { "hold": event.fields.get("hold"), "reservationId": event.fields.get("reservationId") }
}
