//! The laws of every fleet, whatever its business.
//!
//! That the events of a case stand in the order in which they were said is not among them: the time of an event is that of
//! the process that says it, and the clocks of two replicas may differ by more than passes between two events. So a fleet
//! judges this by its own states: what can only follow comes later.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Event, Journal, Verdict, Waiting};

/// Every record in a topic is an event, filed under its case.
pub fn all_is_readable(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("every record in a topic is an event, filed under its case");
    verdict.looked_at = journal.events().len() + journal.unreadable().len();
    for record in journal.unreadable() {
        verdict.violated(record.case.unwrap_or(0), format!("{} is none: {}", record.place, record.reason));
    }
    verdict
}

/// Nothing waits in an outbox. It looks at each context.
pub fn nothing_waits(outboxes: &BTreeMap<String, Vec<Waiting>>) -> Verdict {
    let mut verdict = Verdict { looked_at: outboxes.len(), ..Verdict::new("nothing waits in an outbox") };
    for (context, waiting) in outboxes {
        for Waiting { case, kind, event_id } in waiting {
            verdict.violated(*case, format!("{kind} waits in the outbox of {context} (event {event_id})"));
        }
    }
    verdict
}

/// No dead letter is open. It looks at all records that could have become one.
pub fn no_letter_is_open(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("no dead letter is open");
    verdict.looked_at = journal.events().len() + journal.unreadable().len();
    for (context, letter) in journal.open_letters() {
        let case = letter.key().parse().unwrap_or(0);
        verdict.violated(case, format!("{context} could not handle {}: {}", letter.place, letter.reason));
    }
    verdict
}

/// What is repeated in a topic is the same event. It looks at each repeat.
pub fn repeats_are_the_same(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("what is repeated in a topic is the same event");
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

/// All events of a case are in one partition of a topic. It looks at each case.
pub fn a_case_has_one_partition(journal: &Journal) -> Verdict {
    let mut verdict = Verdict::new("all events of a case are in one partition of a topic");
    for history in journal.cases() {
        verdict.looked_at += 1;
        for said in history.chunk_by(|one, other| one.context == other.context) {
            let partitions: BTreeSet<i32> = said.iter().map(|event| event.partition).collect();
            if partitions.len() > 1 {
                verdict.violated(said[0].case, format!("in the topic of {} they are {partitions:?}", said[0].context));
            }
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tests::{at, envelope, journal};

    fn told(verdict: &Verdict) -> Vec<(i64, &str)> {
        verdict.violations.iter().map(|violation| (violation.case, violation.what.as_str())).collect()
    }

    #[test]
    fn a_record_that_is_no_event_violates_a_law() {
        let mut broken = at(0, 0, &envelope("a", "7", "Lifted"));
        broken.headers.clear();
        let verdict = all_is_readable(&journal(vec![broken, at(0, 1, &envelope("a", "7", "Lifted"))]));
        assert_eq!((verdict.looked_at, verdict.violations.len()), (2, 1));
    }

    #[test]
    fn a_repeat_is_the_same_event_or_violates_a_law() {
        let up = envelope("a", "7", "Lifted");
        let same = repeats_are_the_same(&journal(vec![at(0, 0, &up), at(0, 1, &up)]));
        assert_eq!((same.looked_at, told(&same)), (1, vec![]));
        let other = envelope("a", "7", "Lowered");
        let verdict = repeats_are_the_same(&journal(vec![at(0, 0, &up), at(0, 1, &other)]));
        assert_eq!(told(&verdict), [(7, "crane/0/1 Lowered {} (repeated) has the id of crane/0/0 Lifted {}")]);
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
    fn what_waits_in_an_outbox_violates_a_law() {
        let waiting = Waiting { case: 7, kind: "Lifted".to_owned(), event_id: "a".to_owned() };
        let outboxes = BTreeMap::from([("boat".to_owned(), vec![]), ("crane".to_owned(), vec![waiting])]);
        let verdict = nothing_waits(&outboxes);
        assert_eq!(told(&verdict), [(7, "Lifted waits in the outbox of crane (event a)")]);
        assert_eq!(verdict.looked_at, 2);
    }

    #[test]
    fn an_open_dead_letter_violates_a_law_until_it_is_sent_again() {
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
        let open = no_letter_is_open(&of(vec![dead.clone()]));
        assert_eq!(told(&open), [(7, "boat could not handle harbour.crane/0/5: no")]);
        assert_eq!(no_letter_is_open(&of(vec![dead, again])).violations, []);
    }
}
