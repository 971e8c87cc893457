//! Exactly the events that the state implies.

use std::collections::BTreeMap;

use audit::{Case, CaseEvent, ImpliedEvent, fields};

use crate::declared::{
    MATCH_CANCELED, MATCH_REQUESTED, PAYMENT_APPROVED, PAYMENT_CANCELED, PAYMENTS, VISIT_ASSIGNED, VISIT_CANCELED,
    VISITS,
};
use crate::laws::state::{attempt, established, is_canceled};

/// An established match was requested once, and cancelled once if it is cancelled. No other attempt has events.
pub(super) fn of_match(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = established(case) else { return Vec::new() };
    let (id, attempt) = (case.id, row.get("attempt"));
    let price = row.get("price");
    let mut implied = vec![
        MATCH_REQUESTED.with(fields! { "id": id, "attempt": attempt, "price": price, "student": row.get("student") }),
    ];
    if is_canceled(row) {
        implied.push(MATCH_CANCELED.with(fields! { "id": id, "attempt": attempt }));
    }
    implied
}

/// An approved payment was approved once, a cancelled one approved and cancelled once. All earlier attempts are cancelled.
pub(super) fn of_payment(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let row = case.row(&PAYMENTS);
    let latest = row.and_then(|row| row.i64("attempt")).unwrap_or_default();
    let bill = |attempt, price| fields! { "matchId": case.id, "attempt": attempt, "price": price };
    let mut implied = Vec::new();
    for (attempt, event) in earlier(case, "payment", latest) {
        let price = event.fields.i64("price");
        implied.extend([PAYMENT_APPROVED, PAYMENT_CANCELED].map(|kind| kind.with(bill(attempt, price))));
    }
    let (price, state) = (row.and_then(|row| row.i64("price")), row.and_then(|row| row.text("state")));
    if matches!(state, Some("Approved" | "Canceled")) {
        implied.push(PAYMENT_APPROVED.with(bill(latest, price)));
    }
    if state == Some("Canceled") {
        implied.push(PAYMENT_CANCELED.with(bill(latest, price)));
    }
    implied
}

/// A visit was assigned once, and cancelled once if it is cancelled. All earlier attempts are cancelled.
pub(super) fn of_visit(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let row = case.row(&VISITS);
    let latest = row.and_then(|row| row.i64("attempt")).unwrap_or_default();
    let canceled = |attempt| VISIT_CANCELED.with(fields! { "matchId": case.id, "attempt": attempt });
    let mut implied = Vec::new();
    for past in earlier(case, "visit", latest).into_keys() {
        let assigned = case.of_kind(VISIT_ASSIGNED).find(|event| attempt(event) == past);
        let unknown = || fields! { "matchId": case.id, "attempt": past };
        implied.push(VISIT_ASSIGNED.with(assigned.map_or_else(unknown, |event| event.fields.clone())));
        implied.push(canceled(past));
    }
    if let Some(row) = row.filter(|row| row.text("teacher").is_some()) {
        let (teacher, date) = (row.get("teacher"), row.get("visit_date"));
        let tutor = row.get("tutor");
        implied.push(VISIT_ASSIGNED.with(fields! {
            "matchId": case.id, "attempt": latest, "teacher": teacher, "visitDate": date, "tutor": tutor,
        }));
        if row.flag("canceled") {
            implied.push(canceled(latest));
        }
    }
    implied
}

/// The attempts before the latest of which a context has published events, each with the first of these.
fn earlier<'c>(case: &'c Case<'_>, context: &str, latest: i64) -> BTreeMap<i64, &'c CaseEvent> {
    let mut first = BTreeMap::new();
    for event in case.published_by(context).filter(|event| attempt(event) < latest) {
        first.entry(attempt(event)).or_insert(event);
    }
    first
}
