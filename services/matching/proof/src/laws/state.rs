//! The terms that the laws use.

use audit::{Case, CaseEvent, Fields};
use match_contract::Step;

use crate::declared::{MATCHES, PAYMENTS};

/// The statuses of an established match.
pub(super) const ESTABLISHED: &[u16] = &[200, 201];

/// Attempt by attempt, and step by step within each.
pub(super) fn rank(event: &CaseEvent) -> (i64, usize) {
    (attempt(event), step(event) as usize)
}

/// The attempt that an event belongs to.
pub(super) fn attempt(event: &CaseEvent) -> i64 {
    event.fields.i64("attempt").unwrap_or_default()
}

/// The step that an event reports: there is an event for each step, and every event that conforms has one.
pub(super) fn step(event: &CaseEvent) -> Step {
    let is_named = |step: &Step| step.name().eq_ignore_ascii_case(&event.kind);
    Step::ALL.into_iter().find(is_named).unwrap_or(Step::MatchRequested)
}

/// The match, if it is established.
pub(super) fn established<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    case.row(&MATCHES).filter(|row| row.text("phase") == Some("established"))
}

/// The match, if it is established and not cancelled.
pub(super) fn standing<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    established(case).filter(|row| !is_canceled(row))
}

/// Whether the student has cancelled an established match.
pub(super) fn is_canceled(row: &Fields) -> bool {
    row.text("step").and_then(Step::named) >= Some(Step::MatchCanceled)
}

/// The payment, if it is in this state.
pub(super) fn payment<'a>(case: &Case<'a>, state: &str) -> Option<&'a Fields> {
    case.row(&PAYMENTS).filter(|row| row.text("state") == Some(state))
}
