//! Laws of every fleet about facts that only a simulation can observe.

use std::collections::BTreeMap;

use audit::{Journal, Verdict};

use crate::World;

/// With one leader, a relay repeats an event only before it publishes the next event of the case.
pub(crate) fn repeats_stay_in_order(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("an event is not repeated after a later one of its case");
    for repeat in journal.repeats() {
        verdict.looked_at += 1;
        let (first, again) = (&journal.events()[repeat.first], &journal.events()[repeat.again]);
        let between = &journal.events()[repeat.first..repeat.again];
        if between.iter().any(|event| event.context == first.context && event.id != first.id) {
            verdict.violated(again.case, format!("{} is published again after a later event", again.kind));
        }
    }
    verdict
}

/// Each store commits the effects of an event once.
pub(crate) fn nothing_is_applied_twice(journal: &Journal, world: &World) -> Verdict {
    let mut verdict = Verdict::new("no context applies an event twice");
    let cases: BTreeMap<&str, i64> = journal.events().iter().map(|event| (&*event.id, event.case)).collect();
    for ((store, id), times) in world.applied() {
        verdict.looked_at += 1;
        if times > 1 {
            let case = cases.get(id.as_str()).copied().unwrap_or(0);
            verdict.violated(case, format!("{store} has applied the event {id} {times} times"));
        }
    }
    verdict
}
