//! Laws about facts that only a simulation can observe.

use std::collections::BTreeMap;

use ambient::Timestamp;
use audit::{Journal, Value, Verdict};
use storagerent_proof::{PAYMENT_APPROVED, PAYMENT_CANCELLED};

/// The payment of a hold is cancelled before that of a later hold of the room is approved. The processes of a simulation
/// have one clock.
pub fn payments_of_a_room_do_not_overlap(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("the room is free only after its payment is cancelled");
    let mut paid: BTreeMap<(i64, i64), (Option<Timestamp>, Option<Timestamp>)> = BTreeMap::new();
    for event in journal.events().iter().filter(|event| &*event.context == "payment") {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else { continue };
        let (Some(room), Some(hold)) = (data["storageId"].as_i64(), data["hold"].as_i64()) else { continue };
        let (approved, cancelled) = paid.entry((room, hold)).or_default();
        match &*event.kind {
            kind if kind == PAYMENT_APPROVED.name() => *approved = Some(event.time),
            kind if kind == PAYMENT_CANCELLED.name() => *cancelled = Some(event.time),
            _ => {}
        }
    }
    let payments: Vec<_> = paid.into_iter().collect();
    for pair in payments.windows(2) {
        let [((room, hold), (_, cancelled)), ((next_room, next_hold), (approved, _))] = pair else { continue };
        if room != next_room {
            continue;
        }
        verdict.looked_at += 1;
        if cancelled.is_none_or(|cancelled| approved.is_some_and(|approved| approved < cancelled)) {
            verdict.violated(*room, format!("hold {next_hold} is paid before the payment of hold {hold} is cancelled"));
        }
    }
    verdict
}
