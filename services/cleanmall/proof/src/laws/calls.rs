//! A call, its management and its assignment agree. Responses are true.

use audit::{Case, CaseEvent, EventKind, Fields, ImpliedEvent, Value, fields};

use crate::declared::{
    ASSIGNED, ASSIGNMENTS, CALL, CALL_CANCELED, CALLED, CALLS, ENDED, FINISHED, MANAGE_CANCELED, MANAGED, MANAGEMENTS,
    TAKEN,
};

/// The call, if it is taken.
fn taken<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    case.row(&CALLS).filter(|row| row.text("phase") == Some("established"))
}

/// The call as the management knows it, unless it was withdrawn.
fn managed<'a>(case: &Case<'a>) -> Option<&'a Fields> {
    case.row(&MANAGEMENTS).filter(|row| row.text("state") != Some("withdrawn"))
}

fn show(row: Option<&Fields>) -> String {
    row.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// It is taken for the requested place.
pub(super) fn answered(case: &Case<'_>, violations: &mut Vec<String>) {
    let Some(row) = taken(case) else {
        violations.push("a call was answered 200 or 201, but it is not taken".to_owned());
        return;
    };
    let answered = case.operations(CALL).filter(|call| call.status.is_some_and(|status| TAKEN.contains(&status)));
    for call in answered {
        let location = call.fields.get("location").unwrap_or(&Value::Null);
        if location != row.get("location") {
            violations.push(format!("a call for {location} was answered, but it is {row}"));
        }
    }
}

/// Neither taken nor managed.
pub(super) fn refused(case: &Case<'_>, violations: &mut Vec<String>) {
    let found = [("it is taken", taken(case)), ("it is managed", managed(case))];
    let found = found.into_iter().filter_map(|(what, row)| Some((what, row?)));
    violations.extend(found.map(|(what, row)| format!("every request was refused, but {what}: {row}")));
}

/// It is cancelled.
pub(super) fn canceled(case: &Case<'_>, violations: &mut Vec<String>) {
    if !taken(case).is_some_and(|row| row.flag("canceled")) {
        violations.push(format!("a cancellation was answered 204, but the call is {}", show(case.row(&CALLS))));
    }
}

/// The work is done, at one of the attempts: a cleaner may have been assigned to one that is then withdrawn.
pub(super) fn finished(case: &Case<'_>, violations: &mut Vec<String>) {
    if case.of_kind(FINISHED).next().is_none() {
        violations.push(format!("work was answered 200, but the assignment is {}", show(case.row(&ASSIGNMENTS))));
    }
}

/// No call is on its way.
pub(super) fn decided(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&CALLS);
    if let Some(row) = row.filter(|row| !matches!(row.text("phase"), Some("established" | "void"))) {
        violations.push(format!("the call is on its way: {row}"));
    }
    row.is_some()
}

/// Taken, managed and assigned at the same attempt, for the same place and customer; cancelled in all of them or in none.
pub(super) fn agree(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let (call, management) = (taken(case), managed(case));
    let facts = |row: &Fields| ["attempt", "location", "customer"].map(|name| row.get(name).clone());
    if call.map(facts) != management.map(facts) {
        let (call, management) = (show(case.row(&CALLS)), show(case.row(&MANAGEMENTS)));
        violations.push(format!("the call is {call}, and its management {management}"));
    }
    let is_canceled = (call.is_some_and(|row| row.flag("canceled")), management.and_then(|row| row.text("state")));
    if management.is_some() && is_canceled.0 != (is_canceled.1 == Some("canceled")) {
        violations.push(format!("the call is {}, and its management {}", show(call), show(management)));
    }
    let assignment = case.row(&ASSIGNMENTS);
    if let Some(management) = management
        && assignment.is_none_or(|row| row.get("attempt") != management.get("attempt"))
    {
        violations.push(format!("the management is {management}, but the assignment {}", show(assignment)));
    }
    call.is_some() || management.is_some()
}

/// A call that is cancelled or was never taken neither waits for a cleaner nor has one.
pub(super) fn no_open_assignment(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let is_open = |row: &&Fields| matches!(row.text("state"), Some("waiting" | "assigned"));
    let open = case.row(&ASSIGNMENTS).filter(is_open);
    let stands = taken(case).is_some_and(|row| !row.flag("canceled"));
    if let Some(open) = open.filter(|_| !stands) {
        violations.push(format!("the call is {}, but its assignment {open}", show(case.row(&CALLS))));
    }
    !stands && case.row(&ASSIGNMENTS).is_some()
}

/// A call that is taken was called once, and cancelled once if it is cancelled. No other attempt has events.
pub(super) fn events(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = taken(case) else { return Vec::new() };
    let names = || [("callId", case.id.into()), ("attempt", row.get("attempt").clone())];
    let terms = ["location", "cost", "customer"].map(|name| (name, row.get(name).clone()));
    let mut events = vec![CALLED.with(names().into_iter().chain(terms).collect())];
    if row.flag("canceled") {
        events.push(CALL_CANCELED.with(names().into_iter().collect()));
    }
    events
}

/// The attempt in the row was accepted if it is accepted or cancelled, and cancelled once if it is cancelled. Every other attempt
/// that was accepted is cancelled.
pub(super) fn management_events(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = case.row(&MANAGEMENTS);
    let of_attempt =
        |kind, attempt| case.of_kind(kind).filter(move |event| event.fields.i64("attempt") == attempt).count();
    let published = |attempt| (of_attempt(MANAGED, attempt), of_attempt(MANAGE_CANCELED, attempt));
    let latest = row.and_then(|row| row.i64("attempt"));
    let (found, is_right) = (published(latest), |expected: &[(usize, usize)]| expected.contains(&published(latest)));
    let right = match row.and_then(|row| row.text("state")) {
        Some("accepted") => is_right(&[(1, 0)]),
        Some("canceled") => is_right(&[(1, 1)]),
        // Withdrawn after it was accepted, or before it arrived.
        _ => is_right(&[(0, 0), (1, 1)]),
    };
    if !right {
        violations.push(format!("the management is {}, but its events are {found:?}", show(row)));
    }
    let attempts = case.published_by("cleanmanage").map(|event| event.fields.i64("attempt"));
    for attempt in attempts.filter(|attempt| *attempt != latest) {
        if published(attempt) != (1, 1) {
            violations.push(format!("the other attempt {attempt:?} has the events {:?}", published(attempt)));
        }
    }
    row.is_some() || case.published_by("cleanmanage").next().is_some()
}

/// The cleaner of the row was assigned once, and the assignment is cancelled or finished if the row is. Each earlier attempt with a
/// cleaner was finished before its withdrawal arrived, or has its cancellation.
pub(super) fn assignment_events(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = case.row(&ASSIGNMENTS) else { return Vec::new() };
    let of_row = |kind: EventKind| {
        kind.with(fields! {
            "callId": case.id, "attempt": row.get("attempt"), "cleanerId": row.get("cleaner_id"),
            "cleaner": row.get("cleaner"),
        })
    };
    let mut events = Vec::new();
    if row.i64("cleaner_id").is_some() {
        events.push(of_row(ASSIGNED));
        match row.text("state") {
            Some("finished") => events.push(of_row(FINISHED)),
            Some("canceled") => events.push(of_row(ENDED)),
            _ => {}
        }
    }
    let earlier = case.of_kind(ASSIGNED).filter(|event| event.fields.i64("attempt") < row.i64("attempt"));
    events.extend(earlier.flat_map(|event| {
        let attempt = event.fields.get("attempt");
        let is_finished = case.of_kind(FINISHED).any(|finished| finished.fields.get("attempt") == attempt);
        let end = if is_finished { FINISHED } else { ENDED };
        [ASSIGNED, end].map(|kind| kind.with(event.fields.clone()))
    }));
    events
}

/// The events of each context: attempt by attempt, and step by step within each.
pub(super) fn in_order(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    const STEPS: [EventKind; 7] = [CALLED, CALL_CANCELED, MANAGED, MANAGE_CANCELED, ASSIGNED, FINISHED, ENDED];
    let rank = |event: &CaseEvent| (event.fields.i64("attempt"), STEPS.iter().position(|kind| event.is(*kind)));
    for context in ["cleancall", "cleanmanage", "cleanassign"] {
        let events: Vec<&CaseEvent> = case.published_by(context).collect();
        let disordered = events.windows(2).filter(|pair| rank(pair[0]) >= rank(pair[1]));
        violations.extend(disordered.map(|pair| format!("{} follows {} in the topic", pair[1].kind, pair[0].kind)));
    }
    !case.events().is_empty()
}

/// The state of an attempt by the topic of cleanassign, and the name of its cleaner.
fn progress_of<'a>(case: &'a Case<'_>, attempt: Option<i64>) -> (&'static str, Option<&'a str>) {
    let of_attempt = |kind| case.of_kind(kind).find(|event| event.fields.i64("attempt") == attempt);
    let steps = [(ENDED, "canceled"), (FINISHED, "finished"), (ASSIGNED, "assigned")];
    let furthest = steps.into_iter().find_map(|(kind, name)| Some((name, of_attempt(kind)?.fields.text("cleaner"))));
    furthest.unwrap_or(("waiting", None))
}

fn compare(case: &Case<'_>, row: &Fields, violations: &mut Vec<String>) {
    let (progress, cleaner) = progress_of(case, row.i64("attempt"));
    if (row.text("progress"), row.text("cleaner")) != (Some(progress), cleaner) {
        violations.push(format!("the topic gives {progress} by {cleaner:?}, but the row is {row}"));
    }
}

/// The row of the management is the fold of the topics of all three.
pub(super) fn list(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let Some(row) = managed(case) else { return false };
    let attempt = row.i64("attempt");
    let of_attempt = |kind| case.of_kind(kind).find(|event| event.fields.i64("attempt") == attempt);
    let is_canceled = of_attempt(CALL_CANCELED).is_some();
    let Some(accepted) = of_attempt(MANAGED) else {
        violations.push(format!("no event gives the row {row}"));
        return true;
    };
    let is_same = row.get("location") == accepted.fields.get("location");
    if !is_same || is_canceled != (row.text("state") == Some("canceled")) {
        violations.push(format!("the topics give {}, cancelled: {is_canceled}; the row is {row}", accepted.fields));
    }
    compare(case, row, violations);
    true
}

/// The call has the progress that the topic gives.
pub(super) fn progress(case: &Case<'_>, violations: &mut Vec<String>) -> bool {
    let row = taken(case);
    if let Some(row) = row {
        compare(case, row, violations);
    }
    row.is_some()
}
