//! Responses to clients are true.

use audit::Case;

use crate::declared::{ASSIGN, MATCHES, REQUEST, VISIT_ASSIGNED};
use crate::laws::state::{ESTABLISHED, established as established_match, is_canceled, payment};

/// The match is established at the requested price, and its payment is approved, or cancelled with it.
pub(super) fn established(case: &Case<'_>, violations: &mut Vec<String>) {
    let Some(found) = established_match(case) else {
        violations.push("a request was answered 200 or 201, but the match is not established".to_owned());
        return;
    };
    let (attempt, price) = (found.i64("attempt"), found.i64("price"));
    let answered = case.operations(REQUEST).filter(|request| request.status.is_some_and(|s| ESTABLISHED.contains(&s)));
    if let Some(other) = answered.filter_map(|request| request.i64("price")).find(|other| Some(*other) != price) {
        violations.push(format!("a request for {other} was answered 200 or 201, but the match is {found}"));
    }
    let state = if is_canceled(found) { "Canceled" } else { "Approved" };
    let same = payment(case, state).filter(|paid| (paid.i64("attempt"), paid.i64("price")) == (attempt, price));
    if same.is_none() {
        violations.push(format!("the match is {found}, but no such payment is {state}"));
    }
}

/// Neither a match nor money.
pub(super) fn refused(case: &Case<'_>, violations: &mut Vec<String>) {
    if established_match(case).is_some() {
        violations.push("every request was refused, but the match is established".to_owned());
    }
    if payment(case, "Approved").is_some() {
        violations.push("every request was refused, but it is paid".to_owned());
    }
}

/// The match is cancelled.
pub(super) fn canceled(case: &Case<'_>, violations: &mut Vec<String>) {
    if !established_match(case).is_some_and(is_canceled) {
        let found = case.row(&MATCHES).map_or_else(|| "missing".to_owned(), ToString::to_string);
        violations.push(format!("a cancellation was answered 200, but the match is {found}"));
    }
}

/// As many assignments were published as were answered 201.
pub(super) fn assigned(case: &Case<'_>, violations: &mut Vec<String>) {
    let answered = case.operations(ASSIGN).filter(|assign| assign.status == Some(201)).count();
    let published = case.of_kind(VISIT_ASSIGNED).count();
    if answered > published {
        violations.push(format!("{answered} assignments were answered 201, but {published} were published"));
    }
}
