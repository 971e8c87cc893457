//! A small fleet of one context: each kind of law holds for a sound state, and each change of the state violates it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;

use ambient::Timestamp;
use audit::{
    Case, CaseEvent, Context, EventKind, Fields, Fleet, ImpliedEvent, Journal, Law, Operation, OperationKind, Snapshot,
    Stores, Table, fields,
};
use events::{Envelope, EventSet};
use messaging::{Record, RecordPosition};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, JsonSchema, EventSet)]
#[events(context = "crane", key = "id")]
enum CraneEvent {
    Lifted(Lifted),
    Lowered(Lowered),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Lifted {
    id: i64,
    weight: i64,
    /// The box below this one.
    #[serde(default)]
    on: Option<i64>,
    #[serde(default)]
    owner: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Lowered {
    id: i64,
}

const BOXES: Table = Table::new("crane", "boxes", "id")
    .judged(&["weight", "owner", "up", "stands_on"])
    .referring_by(&["stands_on"])
    .not_judged(&["checked_at"])
    .in_progress("up IS NULL");
const LIFTED: EventKind = EventKind::new("crane", "Lifted");
const LOWERED: EventKind = EventKind::new("crane", "Lowered");

const TOPIC: &str = "the topic has the events of the boxes";
const ORDER: &str = "a box is lowered after it was lifted";
const VIEW: &str = "the boxes are what the topic gives";
const BELOW: &str = "a box is on another one if the topic gives that";
const ANSWERED: &str = "a box whose lift was answered 201 is there";
const REFUSED: &str = "a box whose lift was refused is not there";

static FLEET: Fleet = Fleet {
    contexts: &[Context::publishing::<CraneEvent>(&[BOXES])],
    operations: &[OperationKind { name: "lift", fields: &[] }],
    references: &["on"],
    laws: &[
        Law::emits_exactly(TOPIC, BOXES, implied),
        Law::in_order(ORDER, |event| (0, usize::from(event.is(LOWERED)))),
        Law::folds(VIEW, BOXES, fold),
        Law::new(BELOW, |case, violations| {
            let (rows, events) = (case.rows_referring_by(&BOXES, "stands_on"), case.referring_by("on"));
            let below = |row: &Fields| events.iter().any(|event| event.fields.i64("id") == row.i64("id"));
            violations.extend(rows.iter().filter(|row| !below(row)).map(|row| format!("{row} is on it")));
            !rows.is_empty()
        }),
        Law::answered(ANSWERED, "lift", &[201], |case, violations| {
            if case.row(&BOXES).is_none() {
                violations.push("it is missing".to_owned());
            }
        }),
        Law::never_answered(REFUSED, "lift", &[201], |case, violations| {
            if case.row(&BOXES).is_some() {
                violations.push("it is there".to_owned());
            }
        }),
    ],
};

fn implied(case: &Case<'_>) -> Vec<ImpliedEvent> {
    let Some(row) = case.row(&BOXES) else { return Vec::new() };
    let lifted =
        fields! { "id": case.id, "weight": row.get("weight"), "owner": row.get("owner"), "on": row.get("stands_on") };
    let lowered = (!row.flag("up")).then(|| LOWERED.with(fields! { "id": case.id }));
    [LIFTED.with(lifted)].into_iter().chain(lowered).collect()
}

fn fold(case: &Case<'_>) -> Option<Fields> {
    let lifted: &CaseEvent = case.of_kind(LIFTED).last()?;
    let up = i64::from(case.of_kind(LOWERED).next().is_none());
    let (weight, owner) = (lifted.fields.get("weight"), lifted.fields.get("owner"));
    Some(fields! { "weight": weight, "owner": owner, "up": up, "stands_on": lifted.fields.get("on") })
}

struct Harbour {
    stores: Stores,
    records: Vec<Record>,
    operations: Vec<Operation>,
}

impl Harbour {
    /// Box 1 is up, box 2 was lifted on it and is down, box 3 was refused.
    fn sound() -> Self {
        let mut harbour = Self { stores: Stores::default(), records: Vec::new(), operations: Vec::new() };
        harbour.stores.outboxes.insert("crane".to_owned(), Vec::new());
        for id in [1, 2] {
            let (owner, on) = ((id == 1).then_some("kim"), (id == 2).then_some(1));
            harbour.publish(&CraneEvent::Lifted(Lifted { id, weight: 7, on, owner: owner.map(str::to_owned) }));
            let row = fields! {
                "id": id, "weight": 7, "owner": owner, "up": i64::from(id == 1), "stands_on": on, "checked_at": None::<i64>,
            };
            harbour.stores.add(&BOXES, row).unwrap();
            harbour.operations.push(Operation::new("lift", id, Some(201)));
        }
        harbour.publish(&CraneEvent::Lowered(Lowered { id: 2 }));
        harbour.operations.push(Operation::new("lift", 3, Some(409)));
        harbour
    }

    fn publish(&mut self, event: &CraneEvent) {
        let offset = i64::try_from(self.records.len()).unwrap();
        let (kind, data) = events::encode(event).unwrap();
        let envelope = Envelope {
            id: format!("event-{offset}"),
            source: "/harbour/crane".to_owned(),
            kind,
            subject: event.key().to_string(),
            time: Timestamp::from_micros(offset),
            trace: None,
            data,
        };
        let place = RecordPosition { topic: "harbour.crane".to_owned(), partition: 0, offset };
        self.records.push(Record::carrying(&envelope, place));
    }

    fn row(&mut self, id: i64) -> &mut Fields {
        self.stores.rows_mut(&BOXES, id).first_mut().unwrap()
    }

    /// The violated laws with their texts.
    fn violations(&self) -> Vec<(&'static str, String)> {
        let journal = Journal::of(BTreeMap::from([("crane".to_owned(), self.records.clone())]));
        let client_history = Some(&self.operations[..]);
        let report = Snapshot { fleet: &FLEET, stores: &self.stores, journal: &journal, client_history }.judge();
        let violations = |verdict: audit::Verdict| {
            let law = verdict.law;
            verdict
                .violations
                .into_iter()
                .map(move |violation| (law, format!("{}: {}", violation.case, violation.what)))
        };
        report.verdicts.into_iter().flat_map(violations).collect()
    }

    /// The texts of the violations of one law after a change.
    fn after(change: impl Fn(&mut Self), law: &str) -> Vec<String> {
        let mut harbour = Self::sound();
        change(&mut harbour);
        harbour.violations().into_iter().filter(|(violated, _)| *violated == law).map(|(_, what)| what).collect()
    }
}

#[test]
fn a_sound_state_violates_no_law() {
    assert_eq!(Harbour::sound().violations(), []);
}

#[test]
fn a_topic_has_exactly_the_implied_events() {
    let lost = Harbour::after(|harbour| drop(harbour.records.remove(0)), TOPIC);
    assert_eq!(lost, [r#"1: the topic of crane lacks Lifted id=1 owner="kim" weight=7"#]);
    let surplus = Harbour::after(|harbour| harbour.publish(&CraneEvent::Lowered(Lowered { id: 1 })), TOPIC);
    assert_eq!(surplus, ["1: the topic of crane has Lowered id=1, which the state does not imply"]);
    let other = Harbour::after(|harbour| harbour.row(2).set("weight", 8), TOPIC);
    assert_eq!(other.len(), 2, "one event is missing, and one is not implied: {other:?}");
    let twice = |harbour: &mut Harbour| harbour.publish(&CraneEvent::Lowered(Lowered { id: 2 }));
    assert_eq!(Harbour::after(twice, TOPIC).len(), 1);
}

#[test]
fn events_are_in_the_order_of_their_ranks() {
    let swap = |harbour: &mut Harbour| {
        for (record, offset) in harbour.records.iter_mut().zip([0, 2, 1]) {
            record.place.offset = offset;
        }
    };
    assert_eq!(
        Harbour::after(swap, ORDER),
        ["2: in the topic of crane, Lifted id=2 on=1 weight=7 follows Lowered id=2"]
    );
}

#[test]
fn a_row_is_what_a_fold_gives_in_every_judged_column() {
    let owner = Harbour::after(|harbour| harbour.row(2).set("owner", "lee"), VIEW);
    assert_eq!(owner, [r#"2: owner in boxes of crane is "lee", but the topics imply null"#]);
    let gone = Harbour::after(|harbour| harbour.stores.rows_mut(&BOXES, 1).clear(), VIEW);
    assert_eq!(gone, [r#"1: crane has no row in boxes, but the topics imply owner="kim" up=1 weight=7"#]);
    let unknown = Harbour::after(|harbour| drop(harbour.records.remove(0)), VIEW);
    assert_eq!(unknown, ["1: crane has a row in boxes, but the topics imply none"]);
    assert_eq!(Harbour::after(|harbour| harbour.row(1).set("checked_at", 9), VIEW), [""; 0]);
}

#[test]
fn a_law_reads_the_rows_and_events_of_other_cases_that_name_a_case() {
    let moved = |harbour: &mut Harbour| {
        let mut row = harbour.row(2).clone();
        row.set("stands_on", 3);
        harbour.stores.rows_mut(&BOXES, 2).clear();
        harbour.stores.add(&BOXES, row).unwrap();
    };
    let violations = Harbour::after(moved, BELOW);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].starts_with("3: ") && violations[0].ends_with(" is on it"), "{violations:?}");
}

#[test]
fn responses_are_compared_with_the_state() {
    let gone = |harbour: &mut Harbour| harbour.stores.rows_mut(&BOXES, 1).clear();
    assert_eq!(Harbour::after(gone, ANSWERED), ["1: it is missing"]);
    let refused = |harbour: &mut Harbour| harbour.operations[0].status = Some(409);
    assert_eq!(Harbour::after(refused, REFUSED), ["1: it is there"]);
    let unknown = |harbour: &mut Harbour| harbour.operations[0].status = Some(504);
    assert_eq!(Harbour::after(unknown, REFUSED), [""; 0]);
}

#[test]
fn an_event_that_violates_its_contract_is_reported_with_the_reason() {
    let broken = |harbour: &mut Harbour| harbour.records[0].payload = Some(br#"{"id":1}"#.to_vec());
    let violations = Harbour::after(
        broken,
        "every event conforms to the contract of its context, and is about the case of its subject",
    );
    assert!(violations[0].contains("violates its contract: Lifted: missing field `weight`"), "{violations:?}");
}

#[test]
fn rows_in_progress_are_counted_by_a_query_per_table() {
    let queries: Vec<_> = FLEET.in_progress().collect();
    assert_eq!(queries, [("crane", "SELECT COUNT(*) FROM boxes WHERE up IS NULL".to_owned())]);
}
