//! Views are what the topics give, folded from their beginning. The latest attempt counts.

use audit::{Case, CaseEvent, EventKind, Fields, fields};
use match_contract::Step;

use crate::declared::{
    MATCH_CANCELED, MATCH_REQUESTED, PAYMENT_APPROVED, PAYMENT_CANCELED, VISIT_ASSIGNED, VISIT_CANCELED,
};
use crate::laws::state::{attempt, established, step};

/// The events that visit consumes.
const CONSUMED_BY_VISIT: [EventKind; 3] = [PAYMENT_APPROVED, PAYMENT_CANCELED, MATCH_CANCELED];

/// The row of visit, of which the list shows the open ones.
pub(super) fn visit(case: &Case<'_>) -> Option<Fields> {
    let consumed = case.events().iter().filter(|event| CONSUMED_BY_VISIT.iter().any(|kind| event.is(*kind)));
    let attempt = consumed.map(attempt).max()?;
    let of = |kind| last(case, attempt, kind);
    let (approved, assigned) = (of(PAYMENT_APPROVED), of(VISIT_ASSIGNED));
    let canceled = of(PAYMENT_CANCELED).or_else(|| of(MATCH_CANCELED)).is_some();
    let is_open = approved.is_some() && assigned.is_none() && !canceled;
    Some(fields! {
        "attempt": attempt,
        "price": approved.and_then(|event| event.fields.i64("price")),
        "paid_since": approved.map(|event| event.at),
        "canceled": i64::from(canceled),
        "teacher": assigned.and_then(|event| event.fields.text("teacher")),
        "visit_date": assigned.and_then(|event| event.fields.text("visitDate")),
        "is_open": i64::from(is_open),
        "tutor": assigned.and_then(|event| event.fields.text("tutor")),
    })
}

/// The status of an established match is its furthest step. The approval is not among them: match knows it from the
/// response of payment.
pub(super) fn status(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(found) = established(case) else { return false };
    let known = case.events().iter().filter(|event| found.i64("attempt") == Some(attempt(event)));
    let furthest = known.map(step).filter(|step| *step != Step::PaymentApproved).max();
    let expected = furthest.unwrap_or(Step::MatchRequested).name();
    if found.text("step") != Some(expected) {
        violations.push(format!("the topics imply the step {expected}, but the match is {found}"));
    }
    true
}

/// The page, with the time of each step.
pub(super) fn page(case: &Case<'_>) -> Option<Fields> {
    let attempt = case.events().iter().map(attempt).max()?;
    let of = |kind| last(case, attempt, kind);
    let at = |kind| of(kind).map(|event| event.at);
    let priced = [MATCH_REQUESTED, PAYMENT_APPROVED, PAYMENT_CANCELED].into_iter().find_map(of);
    let assigned = of(VISIT_ASSIGNED);
    Some(fields! {
        "attempt": attempt,
        "price": priced.and_then(|event| event.fields.i64("price")),
        "teacher": assigned.and_then(|event| event.fields.text("teacher")),
        "visit_date": assigned.and_then(|event| event.fields.text("visitDate")),
        "match_requested_at": at(MATCH_REQUESTED),
        "payment_approved_at": at(PAYMENT_APPROVED),
        "visit_assigned_at": at(VISIT_ASSIGNED),
        "match_canceled_at": at(MATCH_CANCELED),
        "payment_canceled_at": at(PAYMENT_CANCELED),
        "visit_canceled_at": at(VISIT_CANCELED),
        "student": of(MATCH_REQUESTED).and_then(|event| event.fields.text("student")),
    })
}

/// The last event of a type within an attempt.
fn last<'c>(case: &'c Case<'_>, of: i64, kind: EventKind) -> Option<&'c CaseEvent> {
    case.of_kind(kind).filter(|event| attempt(event) == of).last()
}
