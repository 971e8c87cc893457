//! Laws about facts that only a simulation can observe.

use std::collections::BTreeMap;

use audit::{Journal, Value, Verdict};
use cleanmall_proof::{ASSIGNED, ENDED, FINISHED};

/// A cleaner is assigned to a call only after the one before has ended. The processes of a simulation have one clock.
pub fn a_cleaner_has_one_call_at_a_time(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("a cleaner is assigned to a call after the one before has ended");
    // The times of the cleaner, with the ends first where two are equal.
    let mut times: BTreeMap<i64, Vec<(i64, bool, i64)>> = BTreeMap::new();
    for event in journal.events().iter().filter(|event| &*event.context == "cleanassign" && !event.repeated) {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else { continue };
        let (Some(cleaner), Some(call)) = (data["cleanerId"].as_i64(), data["callId"].as_i64()) else { continue };
        let begins = match &*event.kind {
            kind if kind == ASSIGNED.name() => true,
            kind if kind == ENDED.name() || kind == FINISHED.name() => false,
            _ => continue,
        };
        times.entry(cleaner).or_default().push((event.time.as_micros(), begins, call));
    }
    for (cleaner, mut events) in times {
        events.sort_unstable();
        let mut current = None;
        for (_, begins, call) in events {
            if !begins {
                current = current.filter(|current| *current != call);
                continue;
            }
            verdict.looked_at += 1;
            if let Some(current) = current.replace(call) {
                verdict.violated(call, format!("the cleaner {cleaner} is assigned to it and to {current}"));
            }
        }
    }
    verdict
}
