//! What is cancelled is cancelled everywhere.

use crate::CaseRow;
use crate::picture::Case;

/// A cancelled match is paid back, not in the list, and no tutor comes.
pub(super) fn everywhere(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let Some(found) = case.row.filter(|row| row.is_canceled()) else { return false };
    match case.payment {
        Some(payment) if payment.is_canceled() && payment.attempt == found.attempt => {}
        Some(payment) => wrong.push(format!("it is cancelled, but its payment is {}", payment.state)),
        None => wrong.push("it is cancelled, but there is no payment".to_owned()),
    }
    if case.visit.is_some_and(|visit| visit.is_open != 0) {
        wrong.push("it is cancelled, but in the list of visit requests".to_owned());
    }
    if case.visit.is_some_and(CaseRow::is_assigned) {
        wrong.push("it is cancelled, but its visit is still assigned".to_owned());
    }
    true
}
