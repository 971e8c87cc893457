//! The laws of every fleet.
//!
//! The order of the events of a case is not among them: the time of an event is that of the process that publishes it, and
//! the clocks of two replicas may differ by more than the time between two events. A fleet ranks its events instead:
//! [`crate::Law::in_order`].

use std::collections::{BTreeMap, BTreeSet};

use events::excerpt;

use crate::{Case, Event, Fields, Fleet, Journal, Stores, Table, Verdict, Waiting};

/// Every event conforms to the contract of its context. It concerns each case with events.
pub const fn conformance() -> Verdict {
    Verdict::new("every event conforms to the contract of its context, and is about the case of its subject")
}

/// Adds the violations of [`conformance`] by a case.
pub fn conforms(case: &Case<'_>, verdict: &mut Verdict) {
    verdict.looked_at += usize::from(!case.events.is_empty() || !case.invalid.is_empty());
    case.invalid.iter().for_each(|reason| verdict.violated(case.id, reason.clone()));
}

/// Every column of every table is judged, or declared as not judged. It concerns each table with rows.
pub fn every_column_is_known(fleet: &Fleet, stores: &Stores) -> Verdict {
    let mut verdict = Verdict::new("every column of a store is judged, or declared as not judged");
    for table in fleet.tables() {
        let Some(row) = stores.all(table).next() else { continue };
        verdict.looked_at += 1;
        for problem in unknown_columns(table, row) {
            verdict.violated(0, problem);
        }
    }
    verdict
}

fn unknown_columns(table: &Table, row: &Fields) -> Vec<String> {
    let Table { context, name: table_name, key, judged, not_judged, .. } = *table;
    let known = || judged.iter().chain(not_judged).chain([&key]);
    let undeclared = row.names().filter(|name| !known().any(|column| column == name));
    let undeclared = undeclared.map(|name| format!("{name} in {table_name} of {context} is in no law"));
    let missing = known().filter(|column| !row.has(column));
    undeclared.chain(missing.map(|name| format!("{table_name} of {context} has no column {name}"))).collect()
}

/// Every record in a topic is an event, filed under its case.
pub fn every_record_is_an_event(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("every record in a topic is an event, filed under its case");
    verdict.looked_at = journal.events().len() + journal.unreadable().len();
    for record in journal.unreadable() {
        verdict.violated(record.case.unwrap_or(0), format!("{} is no event: {}", record.place, record.reason));
    }
    verdict
}

/// No event waits in an outbox. It concerns each context.
pub fn no_event_waits(outboxes: &BTreeMap<String, Vec<Waiting>>) -> Verdict {
    let mut verdict = Verdict { looked_at: outboxes.len(), ..Verdict::new("no event waits in an outbox") };
    for (context, waiting) in outboxes {
        for Waiting { case, kind, event_id } in waiting {
            verdict.violated(*case, format!("{kind} waits in the outbox of {context} (event {event_id})"));
        }
    }
    verdict
}

/// Every dead letter is resolved. It concerns each record that could have become one.
pub fn no_dead_letter_is_unresolved(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("no dead letter is unresolved");
    verdict.looked_at = journal.events().len() + journal.unreadable().len();
    for (context, letter) in journal.unresolved_letters() {
        let case = letter.key().parse().unwrap_or(0);
        verdict.violated(case, format!("{context} could not handle {}: {}", letter.place, excerpt(&letter.reason)));
    }
    verdict
}

/// Records with one event id carry the same event. It concerns each repetition.
pub fn repetitions_are_equal(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("records with the same event id carry the same event");
    verdict.looked_at = journal.repeats().len();
    let content = |event: &Event| (event.case, event.context.clone(), event.kind.clone(), event.time);
    for repeat in journal.repeats() {
        let (first, again) = (&journal.events()[repeat.first], &journal.events()[repeat.again]);
        if content(first) != content(again) || first.data != again.data {
            verdict.violated(again.case, format!("{again} has the id of {first}"));
        }
    }
    verdict
}

/// All events of a case are in one partition of a topic. It concerns each case.
pub fn a_case_has_one_partition(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("all events of a case are in one partition of a topic");
    for history in journal.cases() {
        verdict.looked_at += 1;
        for topic in history.chunk_by(|one, other| one.context == other.context) {
            let partitions: BTreeSet<i32> = topic.iter().map(|event| event.partition).collect();
            if partitions.len() > 1 {
                let Event { case, context, .. } = &topic[0];
                verdict.violated(*case, format!("in the topic of {context} they are in partitions {partitions:?}"));
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{at, envelope, journal};

    fn violations(verdict: &Verdict) -> Vec<(i64, &str)> {
        verdict.violations.iter().map(|violation| (violation.case, violation.what.as_str())).collect()
    }

    #[test]
    fn a_record_that_is_no_event_violates_a_law() {
        let mut broken = at(0, 0, &envelope("a", "7", "Lifted"));
        broken.headers.clear();
        let verdict = every_record_is_an_event(&journal(vec![broken, at(0, 1, &envelope("a", "7", "Lifted"))]));
        assert_eq!((verdict.looked_at, verdict.violations.len()), (2, 1));
    }

    #[test]
    fn a_repeat_is_the_same_event_or_violates_a_law() {
        let up = envelope("a", "7", "Lifted");
        let same = repetitions_are_equal(&journal(vec![at(0, 0, &up), at(0, 1, &up)]));
        assert_eq!((same.looked_at, violations(&same)), (1, vec![]));
        let other = envelope("a", "7", "Lowered");
        let verdict = repetitions_are_equal(&journal(vec![at(0, 0, &up), at(0, 1, &other)]));
        assert_eq!(violations(&verdict), [(7, "crane/0/1 Lowered {} (repeated) has the id of crane/0/0 Lifted {}")]);
    }

    #[test]
    fn a_case_in_two_partitions_violates_a_law() {
        let in_partition = |partition| {
            journal(vec![at(0, 0, &envelope("a", "7", "Lifted")), at(partition, 1, &envelope("b", "7", "Lowered"))])
        };
        assert_eq!(a_case_has_one_partition(&in_partition(0)).violations, []);
        assert_eq!(a_case_has_one_partition(&in_partition(1)).violations.len(), 1);
    }

    #[test]
    fn an_event_in_an_outbox_violates_a_law() {
        let waiting = Waiting { case: 7, kind: "Lifted".to_owned(), event_id: "a".to_owned() };
        let outboxes = BTreeMap::from([("boat".to_owned(), vec![]), ("crane".to_owned(), vec![waiting])]);
        let verdict = no_event_waits(&outboxes);
        assert_eq!(violations(&verdict), [(7, "Lifted waits in the outbox of crane (event a)")]);
        assert_eq!(verdict.looked_at, 2);
    }

    #[test]
    fn an_unresolved_dead_letter_violates_a_law_until_it_is_redriven() {
        let letter = |id: &str, kind: &str, data: &str| {
            let mut envelope = envelope(id, "7", kind);
            envelope.data = data.to_owned();
            envelope
        };
        let place = r#"{"topic":"harbour.crane","partition":0,"offset":5}"#;
        let dead = format!(
            r#"{{"place":{place},"reason":"no","attempts":5,"key":{{"text":"7"}},"headers":[],"payload":{{"text":""}}}}"#
        );
        let dead = at(0, 0, &letter("a", "flotilla.DeadLettered", &dead));
        let again = format!(r#"{{"letter":{place},"place":{place}}}"#);
        let again = at(0, 1, &letter("b", "flotilla.Redriven", &again));
        let of = |records| Journal::of(BTreeMap::from([("boat.dead-letters".to_owned(), records)]));
        let unresolved = no_dead_letter_is_unresolved(&of(vec![dead.clone()]));
        assert_eq!(violations(&unresolved), [(7, "boat could not handle harbour.crane/0/5: no")]);
        assert_eq!(no_dead_letter_is_unresolved(&of(vec![dead, again])).violations, []);
    }

    const BOXES: Table = Table::new("crane", "boxes", "id").judged(&["weight"]).not_judged(&["checked_at"]);
    const FLEET: Fleet =
        Fleet { contexts: &[crate::Context::new("crane", &[BOXES])], operations: &[], references: &[], laws: &[] };

    #[test]
    fn a_column_that_no_law_knows_and_one_that_is_missing_violate_a_law() {
        let check = |row| {
            let mut stores = Stores::default();
            stores.add(&BOXES, row).unwrap();
            every_column_is_known(&FLEET, &stores)
        };
        let sound = check(crate::fields! { "id": 7, "weight": 5, "checked_at": None::<i64> });
        assert_eq!((sound.looked_at, violations(&sound)), (1, vec![]));
        let migrated = check(crate::fields! { "id": 7, "weight": 5, "owner": "kim" });
        let expected = [(0, "owner in boxes of crane is in no law"), (0, "boxes of crane has no column checked_at")];
        assert_eq!(violations(&migrated), expected);
    }
}
