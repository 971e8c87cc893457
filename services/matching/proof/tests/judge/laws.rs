//! Each law is broken by one small change.

use std::collections::BTreeSet;

use audit::{Operation, Snapshot, Waiting, fields};
use events::Envelope;
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use matching_proof::{ASSIGN, CANCEL, FLEET, MATCHES, PAGES, REFUNDS_DUE, REQUEST, VISITS};

use crate::world::{PRICE, World};

/// A change, and the law that it breaks.
type Breach = (&'static str, fn(&mut World));

const BREACHES: &[Breach] = &[
    ("a request that was answered 201 or 200 is established at its price, and paid or cancelled", |world| {
        let request = &mut world.operations[0];
        *request = request.clone().with("price", PRICE + 1);
    }),
    ("a request that was refused has neither a match nor money in the end", |world| {
        operation(world, REQUEST, 1).status = Some(402);
    }),
    ("a cancellation that was answered 200 has cancelled the match", |world| {
        operation(world, CANCEL, 3).id = 1;
    }),
    ("a visit that was answered 201 was assigned, to one tutor", |world| {
        let twice = operation(world, ASSIGN, 2).clone();
        world.operations.push(twice);
    }),
    ("what is paid is an established match that is not cancelled, and the other way round", |world| {
        world.stores.rows_mut(&matching_proof::PAYMENTS, 1).clear();
    }),
    ("the money taken, in the topic and in the store, is the price of such matches", |world| {
        remove(world, "PaymentApproved", "1");
    }),
    ("nothing is undecided, and no refund is due", |world| {
        world.put(&REFUNDS_DUE, fields! { "match_id": 5, "attempt": 10, "price": PRICE, "retry_at": 0 });
    }),
    ("a cancelled match has a cancelled payment, no open request and no assigned visit", |world| {
        world.row(&VISITS, 3).set("is_open", 1);
    }),
    ("the topic of match has exactly the events that its state implies", |world| {
        world.publish(&MatchEvent::MatchRequested(MatchRequested { id: 5, attempt: 10, price: PRICE, student: None }));
    }),
    ("the topic of payment has exactly the events that its state implies", |world| {
        again(world, "PaymentCanceled", "3");
    }),
    ("the topic of visit has exactly the events that its state implies", |world| {
        again(world, "VisitCanceled", "4");
    }),
    ("the events of a match are in the order of the state changes behind them", |world| {
        let requested = take(world, "MatchRequested", "3");
        world.events.push(requested);
    }),
    ("the visit list is what the topics give", |world| world.row(&VISITS, 1).set("is_open", 0)),
    ("the status of a match is what the topics give", |world| world.row(&MATCHES, 2).set("step", "matchRequested")),
    ("every page is what the topics give", |world| world.row(&PAGES, 1).set("match_requested_at", 1)),
    ("every event conforms to the contract of its context, and is about the case of its subject", |world| {
        world.events[3].0 = "visit";
    }),
    ("every column of a store is judged, or declared as not judged", |world| {
        world.row(&PAGES, 1).set("nickname", "kim");
    }),
    ("no event waits in an outbox", |world| {
        let waiting = Waiting { case: 1, kind: "MatchRequested".to_owned(), event_id: "a".to_owned() };
        world.stores.outboxes.get_mut("match").unwrap().push(waiting);
    }),
    ("no dead letter is unresolved", |world| {
        let place = r#"{"topic":"matching.match","partition":0,"offset":0}"#;
        let data = format!(
            r#"{{"place":{place},"reason":"no","attempts":5,"key":{{"text":"1"}},"headers":[],"payload":{{"text":""}}}}"#
        );
        let kind = "flotilla.DeadLettered".to_owned();
        let letter = Envelope { id: "letter".to_owned(), kind, data, ..world.events[0].2.clone() };
        world.events.push(("visit.dead-letters", 0, letter));
    }),
    ("every record in a topic is an event, filed under its case", |world| {
        let stray = Envelope { id: "stray".to_owned(), subject: "x".to_owned(), ..world.events[0].2.clone() };
        world.events.push(("payment", 0, stray));
    }),
    ("records with the same event id carry the same event", |world| {
        world.events.last_mut().unwrap().2.data.push(' ');
    }),
    ("all events of a case are in one partition of a topic", |world| world.events.last_mut().unwrap().1 = 1),
];

fn operation<'w>(world: &'w mut World, name: &str, id: i64) -> &'w mut Operation {
    world.operations.iter_mut().find(|operation| (operation.name.as_str(), operation.id) == (name, id)).unwrap()
}

fn take(world: &mut World, kind: &str, id: &str) -> (&'static str, i32, Envelope) {
    let place = world.events.iter().position(|(_, _, event)| event.kind == kind && event.subject == id).unwrap();
    world.events.remove(place)
}

/// Also what is repeated.
fn remove(world: &mut World, kind: &str, id: &str) {
    world.events.retain(|(_, _, event)| event.kind != kind || event.subject != id);
}

/// Publishes the same once more, as another event.
fn again(world: &mut World, kind: &str, id: &str) {
    let (context, partition, mut event) = take(world, kind, id);
    world.events.push((context, partition, event.clone()));
    event.id.push('b');
    world.events.push((context, partition, event));
}

#[test]
fn a_sound_fleet_violates_no_law_and_every_law_concerns_something() {
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
fn laws_about_responses_are_left_out_without_a_client_history() {
    let world = World::sound();
    let journal = world.journal();
    let report = Snapshot { client_history: None, ..world.snapshot(&journal) }.judge();
    assert!(report.holds());
    assert_eq!(report.verdicts.iter().filter(|verdict| verdict.left_out.is_some()).count(), 4);
}

#[test]
fn a_client_without_a_definite_response_may_find_either_outcome() {
    for status in [None, Some(500), Some(502), Some(504)] {
        let mut world = World::sound();
        operation(&mut world, REQUEST, 1).status = status;
        assert_eq!(world.violated(), Vec::<&str>::new(), "{status:?}");
    }
}

#[test]
fn the_history_of_a_match_has_all_that_is_known_of_it_in_the_order_of_time() {
    let mut world = World::sound();
    world.publish(&MatchEvent::MatchCanceled(MatchCanceled { id: 2, attempt: 10 }));
    let journal = world.journal();
    let history = world.snapshot(&journal).history(2);
    let expected = [
        "payment/0/2 PaymentApproved",
        "client: request 2 price=50000: response 201",
        "match/0/3 MatchRequested",
        "client: assign 2: response 201",
        "visit/0/8 VisitAssigned",
        "MatchCanceled",
        "match, matches: attempt=10 id=2",
        "payment, payments: attempt=10 details=\"{}\" match_id=2",
        "payment, refunds_due: no row",
        "visit, cases: attempt=10",
        "mypage, my_pages: attempt=10",
    ];
    assert_eq!(history.len(), expected.len(), "{history:#?}");
    for (line, expected) in history.iter().zip(expected) {
        assert!(line.contains(expected), "{line} does not contain: {expected}");
    }
    let report = world.report();
    assert_eq!(report.histories[&2], history);
    let violation = "the topic of match has MatchCanceled attempt=10 id=2, which the state does not imply";
    assert!(report.to_string().contains(violation), "{report}");
}

#[test]
fn every_context_has_a_declaration() {
    assert_eq!(FLEET.context_names(), ["match", "payment", "visit", "mypage"]);
}
