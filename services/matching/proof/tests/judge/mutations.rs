//! Every change of a sound fleet violates a law. Excepted are the rows of void matches and void payments, and the times of
//! events of past attempts: nothing depends on them.

use audit::{Fields, Table, Value};
use matching_proof::{MATCHES, PAGES, PAYMENTS, VISITS};

use crate::world::World;

fn found(what: &str, change: impl Fn(&mut World)) {
    let mut world = World::sound();
    change(&mut world);
    assert!(!world.violated().is_empty(), "no law is violated: {what}");
}

/// Other values for a column: another one of the same type, and whether there is one at all.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![7.into(), "somebody".into()],
        Value::Number(number) => vec![number.as_i64().map(|number| number + 1).into(), Value::Null],
        Value::String(text) => vec![format!("{text}?").into(), Value::Null],
        other => panic!("no column has such values: {other}"),
    }
}

/// Changes each of these columns of each row that is not void, and removes the rows.
fn every_change_is_found(table: &Table, id: &str, columns: &[&str]) {
    let is_void = |row: &Fields| matches!(row.text("phase").or_else(|| row.text("state")), Some("void" | "Void"));
    let world = World::sound();
    for row in world.stores.all(table).filter(|row| !is_void(row)) {
        let id = row.i64(id).unwrap();
        found(&format!("{row} is removed"), |world| world.stores.rows_mut(table, id).clear());
        for column in columns {
            for other in others(row.get(column)) {
                found(&format!("{column} of {row} is {other}"), |world| {
                    world.row(table, id).set(column, other.clone());
                });
            }
        }
    }
}

#[test]
fn a_match_that_is_removed_or_changed() {
    every_change_is_found(&MATCHES, "id", &["attempt", "price", "phase", "step", "student"]);
    for (id, phase) in
        [(1, "pending"), (1, "void"), (3, "void"), (5, "established"), (6, "established"), (6, "pending")]
    {
        found(&format!("match {id} is {phase}"), |world| world.row(&MATCHES, id).set("phase", phase));
    }
}

#[test]
fn a_payment_that_is_removed_or_changed() {
    every_change_is_found(&PAYMENTS, "match_id", &["attempt", "price", "state"]);
    for id in [1, 2, 3, 4, 5, 7, 8] {
        for state in ["Approved", "Canceled", "Void"] {
            let mut sound = World::sound();
            if sound.row(&PAYMENTS, id).text("state") != Some(state) {
                found(&format!("payment {id} is {state}"), |world| world.row(&PAYMENTS, id).set("state", state));
            }
        }
    }
}

#[test]
fn a_visit_that_is_removed_or_changed() {
    let columns = ["attempt", "price", "paid_since", "canceled", "teacher", "visit_date", "is_open", "tutor"];
    every_change_is_found(&VISITS, "match_id", &columns);
    for id in [1, 2, 3, 4, 5, 7, 8] {
        for column in ["canceled", "is_open"] {
            found(&format!("{column} of visit {id}"), |world| {
                let flipped = 1 - world.row(&VISITS, id).i64(column).unwrap();
                world.row(&VISITS, id).set(column, flipped);
            });
        }
    }
}

#[test]
fn a_page_that_is_removed_or_changed() {
    let columns = [
        "attempt",
        "price",
        "teacher",
        "visit_date",
        "match_requested_at",
        "payment_approved_at",
        "visit_assigned_at",
        "match_canceled_at",
        "payment_canceled_at",
        "visit_canceled_at",
        "student",
    ];
    every_change_is_found(&PAGES, "id", &columns);
}

#[test]
fn an_event_that_is_lost_forged_or_in_another_order() {
    let events = World::sound().events;
    // The last one repeats the first.
    for place in 1..events.len() - 1 {
        let (context, _, event) = &events[place];
        let what = format!("{} of {} at {place}", event.kind, event.subject);
        found(&format!("lost: {what}"), |world| drop(world.events.remove(place)));
        found(&format!("of an unknown type: {what}"), |world| world.events[place].2.kind.push('X'));
        found(&format!("about another attempt: {what}"), |world| {
            let data = world.events[place].2.data.replace("\"attempt\":", "\"attempt\":9");
            world.events[place].2.data = data;
        });
        found(&format!("published twice: {what}"), |world| {
            let mut twice = world.events[place].clone();
            twice.2.id.push('b');
            world.events.insert(place + 1, twice);
        });
        let same = |other: &usize| events[*other].0 == *context && events[*other].2.subject == event.subject;
        if let Some(next) = (place + 1..events.len()).find(same) {
            found(&format!("overtaken: {what}"), |world| world.events.swap(place, next));
        }
    }
}

#[test]
fn an_event_that_is_published_again_changes_nothing() {
    for place in 0..World::sound().events.len() {
        let mut world = World::sound();
        let again = world.events[place].clone();
        world.events.push(again);
        assert_eq!(world.violated(), Vec::<&str>::new());
    }
}
