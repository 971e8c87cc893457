//! Whatever is changed in a sound picture is found. Not looked for is what nothing depends on: what a void match and a
//! payment that never was keep of themselves, and when something happened that belongs to a past attempt.

use matching_audit::{CaseRow, MatchRow, PageRow, PaymentRow};

use crate::world::World;

/// What is changed in a row, and how.
type Change<R> = (&'static str, fn(&mut R));

fn found(what: &str, change: impl Fn(&mut World)) {
    let mut world = World::sound();
    change(&mut world);
    assert!(!world.violated().is_empty(), "nobody has found: {what}");
}

fn toggle(number: &mut Option<i64>) {
    *number = if number.is_some() { None } else { Some(7) };
}

fn rename(text: &mut Option<String>) {
    *text = if text.is_some() { None } else { Some("somebody".to_owned()) };
}

#[test]
fn a_match_that_is_gone_or_other_than_it_was() {
    let changes: [Change<MatchRow>; 6] = [
        ("attempt", |row| row.attempt += 1),
        ("price", |row| row.price += 1),
        ("pending", |row| "pending".clone_into(&mut row.phase)),
        ("void", |row| "void".clone_into(&mut row.phase)),
        ("step", |row| row.step = format!("{}?", row.step)),
        ("student", |row| rename(&mut row.student)),
    ];
    for (id, row) in World::sound().stores.matches {
        if row.phase == "void" {
            found("a void match is established", |world| {
                "established".clone_into(&mut world.stores.matches.get_mut(&id).unwrap().phase);
            });
            continue;
        }
        found(&format!("match {id} is gone"), |world| drop(world.stores.matches.remove(&id)));
        for (what, change) in changes {
            found(&format!("{what} of match {id}"), |world| change(world.stores.matches.get_mut(&id).unwrap()));
        }
    }
}

#[test]
fn a_payment_that_is_gone_or_other_than_it_was() {
    let changes: [Change<PaymentRow>; 3] = [
        ("attempt", |row| row.attempt += 1),
        ("price", |row| row.price += 1),
        ("void", |row| "Void".clone_into(&mut row.state)),
    ];
    for (id, row) in World::sound().stores.payments {
        let other = if row.state == "Approved" { "Canceled" } else { "Approved" };
        found(&format!("payment {id} is {other}"), |world| {
            other.clone_into(&mut world.stores.payments.get_mut(&id).unwrap().state);
        });
        if row.state == "Void" {
            continue;
        }
        found(&format!("payment {id} is gone"), |world| drop(world.stores.payments.remove(&id)));
        for (what, change) in changes {
            found(&format!("{what} of payment {id}"), |world| change(world.stores.payments.get_mut(&id).unwrap()));
        }
    }
}

#[test]
fn a_visit_that_is_gone_or_other_than_it_was() {
    let changes: [Change<CaseRow>; 7] = [
        ("attempt", |row| row.attempt += 1),
        ("price", |row| toggle(&mut row.price)),
        ("time", |row| toggle(&mut row.paid_since)),
        ("cancellation", |row| row.canceled = 1 - row.canceled),
        ("teacher", |row| rename(&mut row.teacher)),
        ("date", |row| rename(&mut row.visit_date)),
        ("place in the list", |row| row.is_open = 1 - row.is_open),
    ];
    for id in World::sound().stores.cases.into_keys() {
        found(&format!("visit {id} is gone"), |world| drop(world.stores.cases.remove(&id)));
        for (what, change) in changes {
            found(&format!("{what} of visit {id}"), |world| change(world.case(id)));
        }
    }
}

#[test]
fn a_page_that_is_gone_or_other_than_it_was() {
    let changes: [Change<PageRow>; 11] = [
        ("attempt", |row| row.attempt += 1),
        ("price", |row| toggle(&mut row.price)),
        ("teacher", |row| rename(&mut row.teacher)),
        ("date", |row| rename(&mut row.visit_date)),
        ("request", |row| toggle(&mut row.match_requested_at)),
        ("approval", |row| toggle(&mut row.payment_approved_at)),
        ("assignment", |row| toggle(&mut row.visit_assigned_at)),
        ("cancellation", |row| toggle(&mut row.match_canceled_at)),
        ("repayment", |row| toggle(&mut row.payment_canceled_at)),
        ("end of the visit", |row| toggle(&mut row.visit_canceled_at)),
        ("student", |row| rename(&mut row.student)),
    ];
    for id in World::sound().stores.pages.into_keys() {
        found(&format!("page {id} is gone"), |world| drop(world.stores.pages.remove(&id)));
        for (what, change) in changes {
            found(&format!("{what} on page {id}"), |world| change(world.page(id)));
        }
    }
}

#[test]
fn an_event_that_is_lost_forged_or_in_another_order() {
    let said = World::sound().said;
    // The last one repeats the first.
    for place in 1..said.len() - 1 {
        let (context, _, event) = &said[place];
        let what = format!("{} of {} at {place}", event.kind, event.subject);
        found(&format!("lost: {what}"), |world| drop(world.said.remove(place)));
        found(&format!("said by nobody: {what}"), |world| world.said[place].2.kind.push('X'));
        found(&format!("about another attempt: {what}"), |world| {
            let data = world.said[place].2.data.replace("\"attempt\":", "\"attempt\":9");
            world.said[place].2.data = data;
        });
        found(&format!("said twice: {what}"), |world| {
            let mut twice = world.said[place].clone();
            twice.2.id.push('b');
            world.said.insert(place + 1, twice);
        });
        let same = |other: &usize| said[*other].0 == *context && said[*other].2.subject == event.subject;
        if let Some(next) = (place + 1..said.len()).find(same) {
            found(&format!("overtaken: {what}"), |world| world.said.swap(place, next));
        }
    }
}

#[test]
fn an_event_that_is_published_again_changes_nothing() {
    for place in 0..World::sound().said.len() {
        let mut world = World::sound();
        let again = world.said[place].clone();
        world.said.push(again);
        assert_eq!(world.violated(), Vec::<&str>::new());
    }
}
