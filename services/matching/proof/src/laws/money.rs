//! Payments and matches agree, nothing is in progress, and cancellations are complete.

use audit::{Case, Fields};

use crate::declared::{MATCHES, PAYMENT_APPROVED, PAYMENT_CANCELED, PAYMENTS, REFUNDS_DUE, VISITS};
use crate::laws::state::{established, is_canceled, payment, standing};

/// Approved payments and established matches that are not cancelled are the same, at the same attempt and price.
pub(super) fn paid(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let show = |row: Option<&Fields>| row.map_or_else(|| "missing".to_owned(), ToString::to_string);
    match (standing(case), payment(case, "Approved")) {
        (None, None) => return false,
        (Some(found), Some(paid))
            if ["attempt", "price"].iter().all(|column| found.get(column) == paid.get(column)) => {}
        (Some(found), _) => {
            violations.push(format!("the match is {found}, but its payment is {}", show(case.row(&PAYMENTS))));
        }
        (None, Some(paid)) => {
            violations.push(format!("the payment is {paid}, but the match is {}", show(case.row(&MATCHES))));
        }
    }
    true
}

/// The money that the topic has as taken and not paid back, the money in the store, and the price of the match are the same.
/// If they are for each match, they are in sum.
pub(super) fn taken(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let sum = |kind| case.of_kind(kind).filter_map(|event| event.fields.i64("price")).sum::<i64>();
    let price = |row: Option<&Fields>| row.and_then(|row| row.i64("price")).unwrap_or_default();
    let topic = sum(PAYMENT_APPROVED) - sum(PAYMENT_CANCELED);
    let (store, worth) = (price(payment(case, "Approved")), price(standing(case)));
    if topic != store || store != worth {
        violations.push(format!("taken is {topic} by the topic and {store} by the store; the match is worth {worth}"));
    }
    [MATCHES, PAYMENTS].iter().any(|table| case.row(table).is_some()) || case.of_kind(PAYMENT_APPROVED).next().is_some()
}

/// No match is undecided, and no refund is due.
pub(super) fn decided(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (found, refunds) = (case.row(&MATCHES), case.rows(&REFUNDS_DUE));
    let is_decided = |row: &&Fields| matches!(row.text("phase"), Some("established" | "void"));
    if let Some(row) = found.filter(|row| !is_decided(row)) {
        violations.push(format!("the match is undecided: {row}"));
    }
    violations.extend(refunds.iter().map(|due| format!("a refund is due: {due}")));
    found.is_some() || !refunds.is_empty()
}

/// A cancelled match is paid back, not listed, and no tutor comes.
pub(super) fn canceled(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(found) = established(case).filter(|row| is_canceled(row)) else { return false };
    let paid_back = payment(case, "Canceled").filter(|payment| payment.get("attempt") == found.get("attempt"));
    if paid_back.is_none() {
        violations.push("it is cancelled, but its payment is not".to_owned());
    }
    let visit = case.row(&VISITS);
    if visit.is_some_and(|visit| visit.flag("is_open")) {
        violations.push("it is cancelled, but in the list of visit requests".to_owned());
    }
    if visit.is_some_and(|visit| visit.text("teacher").is_some() && !visit.flag("canceled")) {
        violations.push("it is cancelled, but its visit is still assigned".to_owned());
    }
    true
}
