//! An order, its cancellation and its kitchen agree. Responses are true.

use audit::{Case, CaseEvent, Fields, ImpliedEvent, Value, fields};

use crate::declared::{CANCELED, CANCELLATIONS, COOKED, COOKS, ORDER, ORDERED, ORDERS, STARTED};

fn show(row: Option<&Fields>) -> String {
    row.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// Whether the order is cancelled.
fn is_cancelled(case: &Case<'_>) -> bool {
    case.row(&CANCELLATIONS).is_some_and(|row| row.text("phase") == Some("established"))
}

fn in_kitchen<'a>(case: &Case<'a>) -> Option<&'a str> {
    case.row(&COOKS).and_then(|row| row.text("status"))
}

/// It is there, and has what was requested.
pub(super) fn answered(case: &Case<'_>, violations: &mut Vec<String>) {
    let Some(row) = case.row(&ORDERS) else {
        violations.push("an order was answered 200 or 201, but it is not there".to_owned());
        return;
    };
    let answered = case.operations(ORDER).filter(|request| matches!(request.status, Some(200 | 201)));
    for request in answered {
        for (field, column) in [("shopId", "shop_id"), ("menuId", "menu_id"), ("qty", "qty"), ("price", "price")] {
            let requested = request.i64(field);
            if requested.is_some() && requested != row.i64(column) {
                violations.push(format!("{field} {requested:?} was answered 200 or 201, but the order is {row}"));
            }
        }
    }
}

/// Neither in the order context nor in a kitchen.
pub(super) fn refused(case: &Case<'_>, violations: &mut Vec<String>) {
    let found = [case.row(&ORDERS), case.row(&COOKS)].into_iter().flatten();
    violations.extend(found.map(|row| format!("every request was refused, but there is {row}")));
}

/// The order is cancelled.
pub(super) fn cancelled(case: &Case<'_>, violations: &mut Vec<String>) {
    if !is_cancelled(case) {
        let row = show(case.row(&CANCELLATIONS));
        violations.push(format!("a cancellation was answered 200, but it is {row}"));
    }
}

/// The kitchen has it, and it is not cancelled.
pub(super) fn taken(case: &Case<'_>, violations: &mut Vec<String>) {
    if is_cancelled(case) || !matches!(in_kitchen(case), Some("cook" | "cooked")) {
        let (row, kitchen) = (show(case.row(&CANCELLATIONS)), show(case.row(&COOKS)));
        violations
            .push(format!("the kitchen has taken it, but its cancellation is {row}, and the kitchen has {kitchen}"));
    }
}

/// It is cooked.
pub(super) fn finished(case: &Case<'_>, violations: &mut Vec<String>) {
    if in_kitchen(case) != Some("cooked") {
        violations.push(format!("the kitchen has finished it, but has {}", show(case.row(&COOKS))));
    }
}

/// Nothing is undecided.
pub(super) fn decided(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(row) = case.row(&CANCELLATIONS) else { return false };
    if !matches!(row.text("phase"), Some("established" | "void")) {
        violations.push(format!("the cancellation is undecided: {row}"));
    }
    true
}

/// Cancelled if and only if dropped. Never cooked then.
pub(super) fn agree(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (cancelled, dropped) = (is_cancelled(case), in_kitchen(case) == Some("cancel"));
    let cooked = case.published_by("cook").next().is_some();
    if cancelled != dropped || cancelled && cooked {
        violations.push(format!(
            "the cancellation is {}, the kitchen has {}, and cook has published {} events",
            show(case.row(&CANCELLATIONS)),
            show(case.row(&COOKS)),
            case.published_by("cook").count()
        ));
    }
    cancelled || dropped
}

/// The same contents in both contexts, and the same progress unless it is cancelled.
pub(super) fn received(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (order, cook) = (case.row(&ORDERS), case.row(&COOKS));
    let contents = |row: Option<&Fields>| {
        row.map(|row| ["shop_id", "menu_id", "qty", "customer"].map(|name| row.get(name).clone()))
    };
    let time = case.of_kind(ORDERED).next().map(|event| event.at);
    let (ordered_at, progress) = (cook.and_then(|row| row.i64("ordered_at")), order.and_then(|row| row.text("status")));
    let same_progress = if is_cancelled(case) { progress == Some("order") } else { progress == in_kitchen(case) };
    if contents(order) != contents(cook) || time != ordered_at || !same_progress {
        violations.push(format!("the order is {}, but its kitchen has {}", show(order), show(cook)));
    }
    order.is_some() || cook.is_some()
}

/// The amount of the order, and the price in its event.
pub(super) fn price(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(row) = case.row(&ORDERS) else { return false };
    let (price, qty, amount) = (row.i64("price"), row.i64("qty"), row.i64("amount"));
    let published = case.of_kind(ORDERED).next().and_then(|event| event.fields.i64("price"));
    if price.zip(qty).and_then(|(price, qty)| price.checked_mul(qty)) != amount || published != price {
        violations.push(format!("the order is {row}, and the price in its event {published:?}"));
    }
    true
}

/// Ordered once, and cancelled once if it is.
pub(super) fn events(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = case.row(&ORDERS) else { return Vec::new() };
    let mut ordered: Fields = [("orderId", Value::from(case.id))]
        .into_iter()
        .chain(
            [("shopId", "shop_id"), ("menuId", "menu_id"), ("qty", "qty"), ("price", "price")]
                .map(|(field, column)| (field, row.get(column).clone())),
        )
        .collect();
    ordered.set("customer", row.get("customer").clone());
    let mut implied = vec![ORDERED.with(ordered)];
    if is_cancelled(case) {
        implied.push(CANCELED.with(fields! { "orderId": case.id, "shopId": row.get("shop_id") }));
    }
    implied
}

/// Taken once, and finished once, as far as the kitchen is.
pub(super) fn cook_events(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = case.row(&COOKS) else { return Vec::new() };
    let event = || fields! { "orderId": case.id, "shopId": row.get("shop_id") };
    match row.text("status") {
        Some("cook") => vec![STARTED.with(event())],
        Some("cooked") => vec![STARTED.with(event()), COOKED.with(event())],
        _ => Vec::new(),
    }
}

/// The place of an event in its topic.
pub(super) fn rank(event: &CaseEvent) -> (i64, usize) {
    let place = [ORDERED, CANCELED, STARTED, COOKED].iter().position(|kind| event.is(*kind));
    (0, place.unwrap_or_default())
}
