//! Laws about facts that only a simulation can see.

use std::collections::BTreeMap;

use audit::{Journal, Stores, Verdict};
use matching_audit::{PAGES, PAYMENTS};
use payment_stub::ProviderStub;

/// All of them.
pub(crate) fn all(stores: &Stores, _journal: &Journal, provider: &ProviderStub) -> Vec<Verdict> {
    vec![the_provider_holds_what_is_paid(stores, provider), each_step_has_a_position(stores)]
}

/// The columns of a page with the times of its steps, in the order of their digits.
const STEP_TIMES: [&str; 6] = [
    "match_requested_at",
    "payment_approved_at",
    "visit_assigned_at",
    "match_canceled_at",
    "payment_canceled_at",
    "visit_canceled_at",
];

/// The balances of the provider are the approved payments.
fn the_provider_holds_what_is_paid(stores: &Stores, provider: &ProviderStub) -> Verdict {
    let mut verdict = Verdict::new("the provider holds the money of approved payments and no other");
    let approved = stores.all(&PAYMENTS).filter(|payment| payment.text("state") == Some("Approved"));
    let approved: BTreeMap<i64, i64> =
        approved.filter_map(|payment| Some((payment.i64("match_id")?, payment.i64("price")?))).collect();
    let held = provider.balances();
    verdict.looked_at = approved.len().max(held.len());
    for id in approved.keys().chain(held.keys()) {
        let (paid, held) = (approved.get(id).copied().unwrap_or(0), held.get(id).copied().unwrap_or(0));
        if paid != held {
            verdict.violated(*id, format!("the provider holds {held}, and {paid} is paid"));
        }
    }
    verdict
}

/// A live stream sends the steps in the order that the page keeps, so each known step must be in it, once.
fn each_step_has_a_position(stores: &Stores) -> Verdict {
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
