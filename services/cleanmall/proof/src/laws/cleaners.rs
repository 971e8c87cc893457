//! A cleaner has one call at a time.

use audit::Case;

use crate::declared::{ASSIGNMENTS, CLEANERS};

/// At most one open assignment names the cleaner, and it is the one that they name.
pub(super) fn one_call(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let assignments = case.rows_referring_by(&ASSIGNMENTS, "cleaner_id").iter();
    let open = assignments.filter(|row| row.text("state") == Some("assigned"));
    let open: Vec<i64> = open.filter_map(|row| row.i64("call_id")).collect();
    let cleaner = case.row(&CLEANERS);
    let named: Vec<i64> = cleaner.and_then(|cleaner| cleaner.i64("call_id")).into_iter().collect();
    if open != named {
        violations.push(format!("the cleaner has the calls {open:?}, and names {named:?}"));
    }
    cleaner.is_some() || !open.is_empty()
}
