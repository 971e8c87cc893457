//! Topics have the events that the states imply, in their order.

use audit::{Case, CaseEvent, EventKind, Fields, ImpliedEvent, fields};

use crate::declared::{
    COUPON_PUBLISHED, COUPON_REFUNDED, COUPONS, DELIVERED, DELIVERIES, DELIVERY_CANCELED, DELIVERY_REFUNDED,
    DELIVERY_RETURNED, DELIVERY_STARTED, ORDER_CANCELED, ORDERED, PAYMENT_APPROVED, PAYMENT_CANCELED, PAYMENTS,
    REFUND_CANCELED, REFUND_COMPLETED, REFUNDED, REFUNDS, RETURN_CANCELED,
};
use crate::laws::agreement::{delivery_status, established};

fn show(row: Option<&Fields>) -> String {
    row.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// An established order was ordered once, and cancelled once if it is cancelled. No other attempt has events.
pub(super) fn orders(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = established(case) else { return Vec::new() };
    let attempt = row.get("attempt");
    let ordered = ORDERED.with(fields! {
        "orderId": case.id, "attempt": attempt, "pizzaId": row.get("pizza_id"), "qty": row.get("qty"),
        "price": row.get("price"), "customer": row.get("customer"),
    });
    let canceled = ORDER_CANCELED.with(fields! { "orderId": case.id, "attempt": attempt });
    [ordered].into_iter().chain(row.flag("canceled").then_some(canceled)).collect()
}

/// The latest attempt was approved if it is approved or cancelled, and cancelled once if it is cancelled. All earlier ones
/// that were approved are cancelled.
pub(super) fn payments(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&PAYMENTS);
    let of_attempt =
        |kind, attempt| case.of_kind(kind).filter(move |event| event.fields.i64("attempt") == attempt).count();
    let published = |attempt| (of_attempt(PAYMENT_APPROVED, attempt), of_attempt(PAYMENT_CANCELED, attempt));
    let latest = row.and_then(|row| row.i64("attempt"));
    let expected = match row.and_then(|row| row.text("state")) {
        Some("Approved") => (1, 0),
        Some("Canceled") => (1, 1),
        _ => (0, 0),
    };
    if published(latest) != expected {
        violations.push(format!("the payment is {}, but its events are {:?}", show(row), published(latest)));
    }
    let attempts = case.published_by("payment").map(|event| event.fields.i64("attempt"));
    for attempt in attempts.filter(|attempt| *attempt != latest) {
        if published(attempt) != (1, 1) {
            violations.push(format!("the earlier attempt {attempt:?} has the events {:?}", published(attempt)));
        }
    }
    row.is_some() || case.published_by("payment").next().is_some()
}

/// The numbers of the refunds in the events of these kinds, in the order of the topic.
fn numbers(case: &Case<'_>, kinds: &[EventKind]) -> Vec<i64> {
    let events = case.events().iter().filter(|event| kinds.iter().any(|kind| event.is(*kind)));
    events.filter_map(|event| event.fields.i64("refund")).collect()
}

/// The delivery has started, arrived or was stopped once, as its status states. It has agreed to each of its refunds once; all
/// but the latest are cancelled.
pub(super) fn deliveries(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let count = |kind| case.of_kind(kind).count();
    let status = delivery_status(case);
    let found = [count(DELIVERY_STARTED), count(DELIVERY_CANCELED), count(DELIVERED)];
    let expected = match status {
        "" => [0, 0, 0],
        "started" => [1, 0, 0],
        "canceled" => [1, 1, 0],
        _ => [1, 0, 1],
    };
    let mut ended = numbers(case, &[DELIVERY_RETURNED, RETURN_CANCELED]);
    let agreed = numbers(case, &[DELIVERY_REFUNDED]);
    let open = agreed.last().copied().filter(|_| status == "refunded");
    ended.extend(open);
    let latest = case.row(&DELIVERIES).and_then(|row| row.i64("refund")).unwrap_or_default();
    let is_returned = count(DELIVERY_RETURNED) == usize::from(status == "returned");
    if found != expected || agreed != ended || agreed.last().copied().unwrap_or_default() != latest || !is_returned {
        violations.push(format!(
            "the delivery is {}, but the topic has {found:?} of it, and the refunds {agreed:?}, of which {ended:?} ended",
            show(case.row(&DELIVERIES))
        ));
    }
    !status.is_empty() || found != [0, 0, 0]
}

/// Each refund was established once. All but the latest are cancelled, and that is as far as its status states.
pub(super) fn refunds(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&REFUNDS);
    let refunded = numbers(case, &[REFUNDED]);
    let (completed, canceled) = (numbers(case, &[REFUND_COMPLETED]), numbers(case, &[REFUND_CANCELED]));
    let latest: Vec<i64> = row.and_then(|row| row.i64("refund")).into_iter().collect();
    let (standing, returned): (&[i64], &[i64]) = match row.and_then(|row| row.text("status")) {
        Some("refunded") => (&latest, &[]),
        Some("returned") => (&latest, &latest),
        _ => (&[], &[]),
    };
    if refunded != [&canceled[..], standing].concat() || completed != returned {
        violations.push(format!(
            "the refund is {}, but the topic has {refunded:?}, completed {completed:?}, cancelled {canceled:?}",
            show(row)
        ));
    }
    row.is_some() || !refunded.is_empty()
}

/// The changes are numbered from 1, are published and taken back in turn, and the last one is the status.
pub(super) fn coupons(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&COUPONS);
    let events: Vec<&CaseEvent> = case.published_by("coupon").collect();
    let versions: Vec<i64> = events.iter().filter_map(|event| event.fields.i64("version")).collect();
    let version = row.and_then(|row| row.i64("version")).unwrap_or_default();
    let last =
        events.last().map_or("", |event| if event.is(COUPON_PUBLISHED) { "published" } else { "couponRefunded" });
    let is_alternating = events.windows(2).all(|pair| pair[0].kind != pair[1].kind);
    let status = row.and_then(|row| row.text("status")).unwrap_or_default();
    if !versions.iter().copied().eq(1..=version) || !is_alternating || last != status {
        violations.push(format!("the coupon is {}, but the topic has {versions:?}, the last is {last:?}", show(row)));
    }
    !events.is_empty() || version > 0
}

/// By the refund, the attempt or the change, and step by step within each.
pub(super) fn rank(event: &CaseEvent) -> (i64, usize) {
    const STEPS: [EventKind; 15] = [
        ORDERED,
        ORDER_CANCELED,
        PAYMENT_APPROVED,
        PAYMENT_CANCELED,
        DELIVERY_STARTED,
        DELIVERY_CANCELED,
        DELIVERED,
        DELIVERY_REFUNDED,
        DELIVERY_RETURNED,
        RETURN_CANCELED,
        REFUNDED,
        REFUND_COMPLETED,
        REFUND_CANCELED,
        COUPON_PUBLISHED,
        COUPON_REFUNDED,
    ];
    let step = STEPS.iter().position(|kind| event.is(*kind)).unwrap_or(STEPS.len());
    let number = match &*event.context {
        "delivery" | "refund" => event.fields.i64("refund"),
        "coupon" => event.fields.i64("version"),
        _ => event.fields.i64("attempt"),
    };
    (number.unwrap_or_default(), step)
}
