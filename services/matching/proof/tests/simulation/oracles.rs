//! Laws about facts that only a simulation can observe.

use audit::{Stores, Verdict};
use matching_proof::PAGES;

/// The columns of a page with the times of its steps, in the order of their digits.
const STEP_TIMES: [&str; 6] = [
    "match_requested_at",
    "payment_approved_at",
    "visit_assigned_at",
    "match_canceled_at",
    "payment_canceled_at",
    "visit_canceled_at",
];

/// A live stream sends the steps in the order that the page keeps, so each known step must be in it, once.
pub fn each_step_has_a_position(stores: &Stores) -> Verdict {
    let mut verdict = Verdict::new("every page keeps the order of its steps, each once");
    for page in stores.all(&PAGES) {
        verdict.looked_at += 1;
        let known = ('1'..).zip(STEP_TIMES).filter(|(_, column)| page.i64(column).is_some());
        let known: String = known.map(|(digit, _)| digit).collect();
        let order = page.text("step_order").unwrap_or_default();
        let mut positions: Vec<char> = order.chars().collect();
        positions.sort_unstable();
        if !positions.iter().copied().eq(known.chars()) {
            let id = page.i64("id").unwrap_or_default();
            verdict.violated(id, format!("the steps {known} are known, and the order is {order}"));
        }
    }
    verdict
}
