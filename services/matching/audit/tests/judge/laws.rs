//! Each law is broken by one small change.

use std::collections::BTreeSet;

use audit::Waiting;
use events::Envelope;
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use matching_audit::{Asked, RefundDue, Told, history, judge};

use crate::world::{PRICE, World};

/// A change, and the law that it breaks.
type Breach = (&'static str, fn(&mut World));

const BREACHES: &[Breach] = &[
    ("a request that was answered 201 or 200 is established at its price, and paid or cancelled", |world| {
        world.told[0].price = Some(PRICE + 1);
    }),
    ("a request that was refused has neither a match nor money in the end", |world| {
        told(world, Asked::Request, 1).status = Some(402);
    }),
    ("a cancellation that was answered 200 has cancelled the match", |world| {
        told(world, Asked::Cancel, 3).id = 1;
    }),
    ("a visit that was answered 201 was assigned, to one tutor", |world| {
        let twice = told(world, Asked::Assign, 2).clone();
        world.told.push(twice);
    }),
    ("what is paid is an established match that is not cancelled, and the other way round", |world| {
        drop(world.stores.payments.remove(&1));
    }),
    ("the money taken, in the topic and in the store, is the price of such matches", |world| {
        remove(world, "PaymentApproved", "1");
    }),
    ("nothing is undecided, and no refund is due", |world| {
        world.stores.refunds_due.push(RefundDue { match_id: 5, attempt: 10, price: PRICE });
    }),
    ("a cancelled match has a cancelled payment, no open request and no assigned visit", |world| {
        world.case(3).is_open = 1;
    }),
    ("every event is one that its context says about its match", |world| world.said[3].0 = "visit"),
    ("the topic of match has exactly the events that its state implies", |world| {
        world.say(&MatchEvent::MatchRequested(MatchRequested { id: 5, attempt: 10, price: PRICE, student: None }));
    }),
    ("the topic of payment has exactly the events that its state implies", |world| {
        again(world, "PaymentCanceled", "3");
    }),
    ("the topic of visit has exactly the events that its state implies", |world| {
        again(world, "VisitCanceled", "4");
    }),
    ("the events of a match are in the order of the state changes behind them", |world| {
        let requested = take(world, "MatchRequested", "3");
        world.said.push(requested);
    }),
    ("the visit list is what the topics give", |world| world.case(1).is_open = 0),
    ("the status of a match is what the topics give", |world| {
        "matchRequested".clone_into(&mut world.stores.matches.get_mut(&2).unwrap().step);
    }),
    ("every page is what the topics give", |world| world.page(1).match_requested_at = Some(1)),
    ("nothing waits in an outbox", |world| {
        let waiting = Waiting { case: 1, kind: "MatchRequested".to_owned(), event_id: "a".to_owned() };
        world.stores.outboxes.get_mut("match").unwrap().push(waiting);
    }),
    ("no dead letter is open", |world| {
        let place = r#"{"topic":"matching.match","partition":0,"offset":0}"#;
        let data = format!(
            r#"{{"place":{place},"reason":"no","attempts":5,"key":{{"text":"1"}},"headers":[],"payload":{{"text":""}}}}"#
        );
        let kind = "flotilla.DeadLettered".to_owned();
        let letter = Envelope { id: "letter".to_owned(), kind, data, ..world.said[0].2.clone() };
        world.said.push(("visit.dead-letters", 0, letter));
    }),
    ("every record in a topic is an event, filed under its case", |world| {
        let nobodys = Envelope { id: "nobody's".to_owned(), subject: "x".to_owned(), ..world.said[0].2.clone() };
        world.said.push(("payment", 0, nobodys));
    }),
    ("what is repeated in a topic is the same event", |world| {
        world.said.last_mut().unwrap().2.data.push(' ');
    }),
    ("all events of a case are in one partition of a topic", |world| world.said.last_mut().unwrap().1 = 1),
];

fn told(world: &mut World, what: Asked, id: i64) -> &mut Told {
    world.told.iter_mut().find(|told| (told.what, told.id) == (what, id)).unwrap()
}

fn take(world: &mut World, kind: &str, id: &str) -> (&'static str, i32, Envelope) {
    let place = world.said.iter().position(|(_, _, said)| said.kind == kind && said.subject == id).unwrap();
    world.said.remove(place)
}

/// Whatever happens to be repeated in the sound picture is gone from all places.
fn remove(world: &mut World, kind: &str, id: &str) {
    world.said.retain(|(_, _, said)| said.kind != kind || said.subject != id);
}

/// Says the same once more, as another event.
fn again(world: &mut World, kind: &str, id: &str) {
    let (context, partition, mut said) = take(world, kind, id);
    world.said.push((context, partition, said.clone()));
    said.id.push('b');
    world.said.push((context, partition, said));
}

#[test]
fn a_sound_picture_violates_no_law_and_every_law_looks_at_something() {
    let report = World::sound().report();
    assert!(report.holds(), "{report}");
    for verdict in &report.verdicts {
        assert!(verdict.looked_at > 0, "{verdict}");
    }
}

#[test]
fn each_law_is_broken_by_a_small_change() {
    for (law, change) in BREACHES {
        let mut world = World::sound();
        change(&mut world);
        assert!(world.violated().contains(law), "{law}: {:?}", world.violated());
    }
    let broken: BTreeSet<&str> = BREACHES.iter().map(|(law, _)| *law).collect();
    let all: BTreeSet<&str> = World::sound().report().verdicts.iter().map(|verdict| verdict.law).collect();
    assert_eq!(broken, all);
}

#[test]
fn laws_about_clients_are_left_out_if_nobody_knows_what_they_were_told() {
    let world = World::sound();
    let report = judge(&world.stores, &world.journal(), None);
    assert!(report.holds());
    assert_eq!(report.verdicts.iter().filter(|verdict| verdict.left_out.is_some()).count(), 4);
}

#[test]
fn who_was_told_nothing_or_nothing_definite_may_find_anything() {
    for status in [None, Some(500), Some(502), Some(504)] {
        let mut world = World::sound();
        told(&mut world, Asked::Request, 1).status = status;
        assert_eq!(world.violated(), Vec::<&str>::new(), "{status:?}");
    }
}

#[test]
fn the_history_of_a_match_has_all_that_is_known_of_it_in_the_order_of_time() {
    let mut world = World::sound();
    let canceled = MatchCanceled { id: 2, attempt: 10 };
    world.say(&MatchEvent::MatchCanceled(canceled));
    let told = history(&world.stores, &world.journal(), Some(&world.told), 2);
    let expected = [
        "payment/0/2 PaymentApproved",
        "a client asked for the match for 50000 and was told 201",
        "match/0/3 MatchRequested",
        "a tutor took the visit and was told 201",
        "visit/0/8 VisitAssigned",
        "MatchCanceled",
        "match keeps MatchRow { id: 2,",
        "payment keeps PaymentRow { match_id: 2,",
        "visit keeps CaseRow { match_id: 2,",
        "mypage keeps PageRow { id: 2,",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, expected) in told.iter().zip(expected) {
        assert!(line.contains(expected), "{line} does not tell: {expected}");
    }
    let report = world.report();
    assert_eq!(report.histories[&2], told);
    assert!(report.to_string().contains("match has said, without a state behind it: matchCanceled of attempt 10"));
}
