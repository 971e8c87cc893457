//! Order, payment, delivery, refund and coupon agree. Responses are true.

use audit::{Case, Fields, Table};

use crate::declared::{
    COUPONS, DELIVERED, DELIVERIES, DELIVERY_REFUNDED, ESTABLISHED, ORDER, ORDERS, PAYMENT_APPROVED, PAYMENT_CANCELED,
    PAYMENTS, REFUNDED, REFUNDS, REFUNDS_DUE,
};

/// The order, if it is established.
pub(super) fn established<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    case.row(&ORDERS).filter(|row| row.text("phase") == Some("established"))
}

/// The order, if it is established and neither cancelled nor returned: it is to be paid.
fn standing<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    established(case).filter(|row| !row.flag("canceled") && delivery_status(case) != "returned")
}

/// The status of the delivery; empty if it has not started.
pub(super) fn delivery_status<'a>(case: &Case<'a>) -> &'a str {
    case.row(&DELIVERIES).and_then(|row| row.text("status")).unwrap_or_default()
}

fn has_arrived(case: &Case<'_>) -> bool {
    matches!(delivery_status(case), "Finished" | "refunded" | "returned" | "refundCanceled")
}

fn payment<'a>(case: &Case<'a>, state: &str) -> Option<&'a Fields> {
    case.row(&PAYMENTS).filter(|row| row.text("state") == Some(state))
}

fn show(case: &Case<'_>, table: &Table) -> String {
    case.row(table).map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// It is established with the requested pizza and quantity.
pub(super) fn answered(case: &Case<'_>, violations: &mut Vec<String>) {
    let Some(row) = established(case) else {
        violations.push("a request was answered 200 or 201, but the order is not established".to_owned());
        return;
    };
    let answered = case.operations(ORDER).filter(|request| request.status.is_some_and(|s| ESTABLISHED.contains(&s)));
    for request in answered {
        if (request.i64("pizzaId"), request.i64("qty")) != (row.i64("pizza_id"), row.i64("qty")) {
            violations.push(format!("a request was answered 200 or 201: {request}, but the order is {row}"));
        }
    }
}

/// Neither an order, nor money, nor a delivery.
pub(super) fn refused(case: &Case<'_>, violations: &mut Vec<String>) {
    let delivery = case.row(&DELIVERIES).filter(|_| !delivery_status(case).is_empty());
    let found = [("the order is established", established(case)), ("it is paid", payment(case, "Approved"))];
    let found = found.into_iter().chain([("it is delivered", delivery)]);
    let found = found.filter_map(|(what, row)| Some((what, row?)));
    violations.extend(found.map(|(what, row)| format!("every request was refused, but {what}: {row}")));
}

/// The order is cancelled.
pub(super) fn canceled(case: &Case<'_>, violations: &mut Vec<String>) {
    if !established(case).is_some_and(|row| row.flag("canceled")) {
        violations.push(format!("a cancellation was answered 200, but the order is {}", show(case, &ORDERS)));
    }
}

/// The pizza has arrived.
pub(super) fn arrived(case: &Case<'_>, violations: &mut Vec<String>) {
    if !has_arrived(case) || case.of_kind(DELIVERED).next().is_none() {
        violations.push(format!("a delivery was answered 200, but it is {}", show(case, &DELIVERIES)));
    }
}

/// There was a refund, and delivery had agreed to it.
pub(super) fn refunded(case: &Case<'_>, violations: &mut Vec<String>) {
    if case.of_kind(REFUNDED).next().is_none() || case.of_kind(DELIVERY_REFUNDED).next().is_none() {
        violations.push(format!("a refund was answered 200 or 201, but it is {}", show(case, &REFUNDS)));
    }
}

/// There was neither a refund nor a return.
pub(super) fn not_refunded(case: &Case<'_>, violations: &mut Vec<String>) {
    let found = case.of_kind(REFUNDED).chain(case.of_kind(DELIVERY_REFUNDED));
    violations
        .extend(found.map(|event| format!("every refund was refused, but there is {} {}", event.kind, event.fields)));
}

/// No order and no refund is undecided, and no money is due.
pub(super) fn decided(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (rows, due) = ([case.row(&ORDERS), case.row(&REFUNDS)], case.rows(&REFUNDS_DUE));
    let is_decided = |row: &&Fields| matches!(row.text("phase"), Some("established" | "void"));
    let undecided = rows.into_iter().flatten().filter(|row| !is_decided(row));
    violations.extend(undecided.map(|row| format!("it is undecided: {row}")));
    violations.extend(due.iter().map(|due| format!("money is due to be paid back: {due}")));
    rows.iter().any(Option::is_some) || !due.is_empty()
}

/// An order that stands is paid at its attempt and price. One that is cancelled or returned is paid back. Nothing else is
/// paid.
pub(super) fn paid(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let facts = |row: Option<&Fields>| row.map(|row| ["attempt", "price"].map(|name| row.get(name).clone()));
    let (standing, approved) = (standing(case), payment(case, "Approved"));
    let is_paid_back = established(case)
        .is_none_or(|order| standing.is_some() || facts(Some(order)) == facts(payment(case, "Canceled")));
    if facts(standing) != facts(approved) || !is_paid_back {
        violations.push(format!(
            "the order is {}, its delivery {}, its payment {}",
            show(case, &ORDERS),
            show(case, &DELIVERIES),
            show(case, &PAYMENTS)
        ));
    }
    established(case).is_some() || approved.is_some()
}

/// The money that the topic has as taken and not paid back, the money in the store, and the price of the order.
pub(super) fn money(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let sum = |kind| case.of_kind(kind).filter_map(|event| event.fields.i64("price")).sum::<i64>();
    let price = |row: Option<&Fields>| row.and_then(|row| row.i64("price")).unwrap_or_default();
    let topic = sum(PAYMENT_APPROVED) - sum(PAYMENT_CANCELED);
    let (store, worth) = (price(payment(case, "Approved")), price(standing(case)));
    if topic != store || store != worth {
        violations.push(format!("taken is {topic} by the topic and {store} by the store; the order is worth {worth}"));
    }
    case.row(&PAYMENTS).is_some() || case.of_kind(PAYMENT_APPROVED).next().is_some()
}

/// A delivery that has started is of an established order, with the same attempt, pizza, quantity and customer. It is stopped
/// if the order was cancelled before it arrived. Without a cancellation it has started.
pub(super) fn delivered(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (order, status) = (established(case), delivery_status(case));
    let is_canceled = order.is_some_and(|order| order.flag("canceled"));
    let is_right = match status {
        "" => order.is_none() || is_canceled,
        "started" => order.is_some() && !is_canceled,
        "canceled" => is_canceled,
        _ => order.is_some(),
    };
    let facts = |row: &Fields| ["attempt", "pizza_id", "qty", "customer"].map(|name| row.get(name).clone());
    let is_same = status.is_empty() || order.map(facts) == case.row(&DELIVERIES).map(facts);
    if !is_right || !is_same {
        violations.push(format!("the order is {}, its delivery {}", show(case, &ORDERS), show(case, &DELIVERIES)));
    }
    order.is_some() || !status.is_empty()
}

/// The refund that stands and the return are of one number, and equally far. A return that a courier has cancelled is that of
/// a cancelled refund.
pub(super) fn returned(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (refund, delivery) = (case.row(&REFUNDS), case.row(&DELIVERIES));
    let number = |row: Option<&Fields>| row.and_then(|row| row.i64("refund")).unwrap_or_default();
    let standing = refund.filter(|row| row.text("phase") == Some("established"));
    let status = standing.and_then(|row| row.text("status"));
    let (agreed, is_withdrawn) =
        (number(delivery), delivery.and_then(|row| row.i64("withdrawn")) >= Some(number(delivery)));
    let agree = match delivery_status(case) {
        is @ ("refunded" | "returned") => status == Some(is) && number(standing) == agreed,
        "refundCanceled" => {
            let is_canceled = refund.is_some_and(|row| {
                row.text("status") == Some("refundCanceled") && row.i64("refund") == Some(agreed)
                    || row.text("canceled_before").is_some()
            });
            standing.is_none() && (is_canceled || is_withdrawn)
        }
        _ => standing.is_none() && agreed == 0,
    };
    if !agree {
        violations.push(format!("the refund is {}, its delivery {}", show(case, &REFUNDS), show(case, &DELIVERIES)));
    }
    refund.is_some() || agreed > 0
}

/// It is published if the order has arrived and is neither cancelled nor under refund, and taken back if it has arrived
/// otherwise. Without an arrival there is none.
pub(super) fn coupon(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let is_canceled = established(case).is_some_and(|order| order.flag("canceled"));
    let is_under_refund = matches!(delivery_status(case), "refunded" | "returned");
    let expected = match (has_arrived(case), is_canceled || is_under_refund) {
        (false, _) => "",
        (true, false) => "published",
        (true, true) => "couponRefunded",
    };
    let found = case.row(&COUPONS).and_then(|row| row.text("status")).unwrap_or_default();
    if found != expected {
        violations.push(format!(
            "the coupon is {found:?} and not {expected:?}: the order is {}, its delivery {}",
            show(case, &ORDERS),
            show(case, &DELIVERIES)
        ));
    }
    has_arrived(case) || !found.is_empty()
}
