//! What is derived from events is what the topics give, folded from their beginning.

use std::collections::BTreeMap;

use audit::{Case, CaseEvent, EventKind, Fields, Value, fields, json};

use crate::declared::{
    COUPON_PUBLISHED, COUPON_REFUNDED, DELIVERED, DELIVERY_CANCELED, DELIVERY_STARTED, ORDER_CANCELED, ORDERED,
    PAYMENT_APPROVED, PAYMENT_CANCELED, REFUND_CANCELED, REFUNDED,
};
use crate::laws::agreement::established;

/// The status of the furthest of these events, which are of the attempt.
fn furthest(case: &Case<'_>, attempt: i64, statuses: &[(EventKind, &'static str)]) -> &'static str {
    let is_known = |kind| case.of_kind(kind).any(|event| event.fields.i64("attempt") == Some(attempt));
    statuses.iter().rev().find(|(kind, _)| is_known(*kind)).map_or("", |(_, status)| *status)
}

/// The latest of these events by this number, and of several the last one of the list.
fn latest(case: &Case<'_>, number: &str, statuses: &[(EventKind, &'static str)]) -> (i64, &'static str) {
    let known = statuses
        .iter()
        .flat_map(|(kind, status)| case.of_kind(*kind).filter_map(|event| Some((event.fields.i64(number)?, *status))));
    known.max_by_key(|(number, _)| *number).unwrap_or_default()
}

const REFUND_STEPS: [(EventKind, &str); 2] = [(REFUNDED, "refunded"), (REFUND_CANCELED, "refundCanceled")];

/// The columns of an order that follow from the events of other contexts.
pub(super) fn order(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(row) = established(case) else { return false };
    let attempt = row.i64("attempt").unwrap_or_default();
    let payment = [(PAYMENT_APPROVED, "approved"), (PAYMENT_CANCELED, "canceled")];
    let delivery = [(DELIVERY_STARTED, "started"), (DELIVERY_CANCELED, "canceled"), (DELIVERED, "delivered")];
    let (refund, refund_step) = latest(case, "refund", &REFUND_STEPS);
    let coupons = [(COUPON_PUBLISHED, "published"), (COUPON_REFUNDED, "couponRefunded")];
    let (coupon_version, coupon) = latest(case, "version", &coupons);
    let implied = fields! {
        "payment": furthest(case, attempt, &payment), "delivery": furthest(case, attempt, &delivery), "refund": refund,
        "refund_step": refund_step, "coupon_version": coupon_version, "coupon": coupon,
    };
    if implied.names().any(|name| implied.get(name) != row.get(name)) {
        violations.push(format!("the topics imply {implied}, but the order is {row}"));
    }
    true
}

/// The coupon. Its status follows from the other columns.
pub(super) fn coupon(case: &Case<'_>) -> Option<Fields> {
    let causes = [DELIVERED, ORDER_CANCELED, REFUNDED, REFUND_CANCELED];
    let causes = case.events().iter().filter(|event| causes.iter().any(|kind| event.is(*kind)));
    let attempt = causes.filter_map(|event| event.fields.i64("attempt")).max()?;
    let delivered = case.of_kind(DELIVERED).next();
    let is_canceled = case.of_kind(ORDER_CANCELED).next().is_some();
    let (refund, refund_step) = latest(case, "refund", &REFUND_STEPS);
    let status = match (delivered, is_canceled || refund_step == "refunded") {
        (None, _) => "",
        (Some(_), false) => "published",
        (Some(_), true) => "couponRefunded",
    };
    Some(fields! {
        "attempt": attempt,
        "delivered": i64::from(delivered.is_some()),
        "canceled": i64::from(is_canceled),
        "refund": refund,
        "refund_step": refund_step,
        "status": status,
        "version": i64::try_from(case.published_by("coupon").count()).unwrap_or_default(),
        "customer": delivered.and_then(|event| event.fields.text("customer")),
    })
}

/// The number by which the events of a type follow each other.
fn number(event: &CaseEvent) -> i64 {
    ["refund", "version", "attempt"].into_iter().find_map(|name| event.fields.i64(name)).unwrap_or_default()
}

/// The view: the order of the latest attempt, the reason of the latest refund, and the latest occurrence of each step.
pub(super) fn view(case: &Case<'_>) -> Option<Fields> {
    let events = case.events();
    let of_attempts = ["order", "payment"].into_iter().flat_map(|context| case.published_by(context));
    let of_attempts = of_attempts.chain(case.published_by("delivery").filter(|event| !event.fields.has("refund")));
    let attempt = of_attempts.filter_map(|event| event.fields.i64("attempt")).max();
    let ordered = case.of_kind(ORDERED).max_by_key(|event| event.fields.i64("attempt"));
    let refunded = case.of_kind(REFUNDED).max_by_key(|event| event.fields.i64("refund"));
    let of_order = |name| ordered.map(|event| event.fields.get(name).clone());
    let mut steps: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for event in events {
        let (first, rest) = event.kind.split_at(1);
        let known = steps.entry(first.to_lowercase() + rest).or_default();
        *known = (number(event), event.at).max(*known);
    }
    let steps: BTreeMap<String, Value> =
        steps.into_iter().map(|(step, (number, time))| (step, json!({ "number": number, "time": time }))).collect();
    (!events.is_empty()).then(|| {
        fields! {
            "attempt": attempt.unwrap_or_default(), "customer": of_order("customer"), "pizza_id": of_order("pizzaId"),
            "qty": of_order("qty"), "price": of_order("price"),
            "reason": refunded.and_then(|event| event.fields.text("reason")), "steps": json!(steps).to_string(),
        }
    })
}
