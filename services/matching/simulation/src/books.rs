//! Laws about what a simulation sees and no auditor of a real fleet can.

use std::collections::BTreeMap;

use audit::{Journal, Verdict};
use matching_audit::Stores;
use simulation::World;

use crate::provider::Till;

/// The provider's own books.
pub(crate) fn the_provider_holds_what_is_paid(stores: &Stores, till: &Till) -> Verdict {
    let mut verdict = Verdict::new("the provider holds the money of approved payments and no other");
    let approved = stores.payments.values().filter(|payment| payment.state == "Approved");
    let approved: BTreeMap<i64, i64> = approved.map(|payment| (payment.match_id, payment.price)).collect();
    let held = till.holds();
    verdict.looked_at = approved.len().max(held.len());
    for id in approved.keys().chain(held.keys()) {
        let (paid, held) = (approved.get(id).copied().unwrap_or(0), held.get(id).copied().unwrap_or(0));
        if paid != held {
            verdict.violated(*id, format!("the provider holds {held}, and {paid} is paid"));
        }
    }
    verdict
}

/// One relay at a time repeats an event only before it goes on to the next of its case.
pub(crate) fn repeats_stay_in_order(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("an event is not repeated after a later one of its case");
    for repeat in journal.repeats() {
        verdict.looked_at += 1;
        let (first, again) = (&journal.events()[repeat.first], &journal.events()[repeat.again]);
        let between = &journal.events()[repeat.first..repeat.again];
        if between.iter().any(|event| event.context == first.context && event.id != first.id) {
            verdict.violated(again.case, format!("{} is said again after a later event", again.kind));
        }
    }
    verdict
}

/// What an event does is committed once in each store.
pub(crate) fn nothing_is_applied_twice(journal: &Journal, world: &World) -> Verdict {
    let mut verdict = Verdict::new("no context applies an event twice");
    let cases: BTreeMap<&str, i64> = journal.events().iter().map(|event| (&*event.id, event.case)).collect();
    for ((store, id), times) in world.applications() {
        verdict.looked_at += 1;
        if times > 1 {
            let case = cases.get(id.as_str()).copied().unwrap_or(0);
            verdict.violated(case, format!("{store} has applied the event {id} {times} times"));
        }
    }
    verdict
}
