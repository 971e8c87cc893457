//! What the context customer knows, and its messages.

use audit::{Case, CaseEvent, EventKind, Value};

use crate::declared::{ASSIGNED, CALL_CANCELED, CALLED, ENDED, FINISHED, MANAGED, MESSAGES, STEPS};

const KINDS: [(EventKind, &str); 6] = [
    (CALLED, "called"),
    (MANAGED, "managed"),
    (ASSIGNED, "assigned"),
    (FINISHED, "finished"),
    (CALL_CANCELED, "cancelled"),
    (ENDED, "assignmentCancelled"),
];

/// The events of a call that have a message, with the names of their messages.
fn due<'a>(case: &'a Case<'_>) -> impl Iterator<Item = (&'a CaseEvent, &'static str)> {
    KINDS.into_iter().flat_map(|(kind, name)| case.of_kind(kind).map(move |event| (event, name)))
}

/// Reports what is missing, and what is too much.
fn compare<T: PartialEq + std::fmt::Debug>(mut expected: Vec<T>, found: Vec<T>, violations: &mut Vec<String>) {
    for one in found {
        match expected.iter().position(|other| *other == one) {
            Some(place) => drop(expected.swap_remove(place)),
            None => violations.push(format!("there is {one:?} without an event")),
        }
    }
    violations.extend(expected.iter().map(|one| format!("there is no {one:?}")));
}

/// One message per step of each attempt that was called, with the customer of that event.
pub(super) fn messages(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let customer_of = |attempt: &Value| {
        let called = case.of_kind(CALLED).find(|event| event.fields.get("attempt") == attempt);
        called.map(|event| event.fields.get("customer").clone())
    };
    let expected = due(case).filter_map(|(event, name)| {
        let attempt = event.fields.get("attempt");
        Some([Value::from(name), attempt.clone(), customer_of(attempt)?])
    });
    let rows = case.rows_referring_by(&MESSAGES, "call_id");
    let found = rows.iter().map(|row| ["kind", "attempt", "customer"].map(|name| row.get(name).clone()));
    compare(expected.collect(), found.collect(), violations);
    !rows.is_empty() || case.of_kind(CALLED).next().is_some()
}

/// One step per event.
pub(super) fn steps(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let fact = |name: &'static str| move |event: &CaseEvent| event.fields.get(name).clone();
    let expected = due(case).map(|(event, name)| {
        [Value::from(name), fact("attempt")(event), fact("customer")(event), fact("cleaner")(event)]
    });
    let rows = case.rows(&STEPS);
    let found = rows.iter().map(|row| ["kind", "attempt", "customer", "cleaner"].map(|name| row.get(name).clone()));
    compare(expected.collect(), found.collect(), violations);
    !rows.is_empty()
}
