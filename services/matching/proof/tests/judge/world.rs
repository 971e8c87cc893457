//! A small fleet at rest, written by hand: the rows of its stores, the events of its topics, the operations of its clients.

use std::collections::BTreeMap;

use ambient::Timestamp;
use audit::{Fields, Journal, Operation, Report, Snapshot, Stores, Table, fields};
use events::{Envelope, EventSet};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use matching_proof::{ASSIGN, CANCEL, FLEET, MATCHES, PAGES, PAYMENTS, REQUEST, VISITS};
use messaging::{Record, RecordPosition};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

pub const PRICE: i64 = 50_000;

#[derive(Clone)]
pub struct World {
    pub stores: Stores,
    /// The events in the order of the topics: context, partition and event.
    pub events: Vec<(&'static str, i32, Envelope)>,
    pub operations: Vec<Operation>,
    now: i64,
}

impl World {
    /// Matches in every state that a fleet at rest knows.
    pub fn sound() -> Self {
        let mut world = Self { stores: Stores::default(), events: Vec::new(), operations: Vec::new(), now: 1_000_000 };
        for context in FLEET.context_names() {
            world.stores.outboxes.insert(context.to_owned(), Vec::new());
        }
        // 1: in the list. 2: assigned. 3: cancelled before a tutor was found. 4: cancelled after.
        for id in 1..=4 {
            world.approve(id, 10);
            world.establish(id, 10);
        }
        world.assign(2, 10);
        world.assign(4, 10);
        world.cancel(3);
        world.cancel(4);
        // 5: paid and compensated. 6: declined. 7: compensated, then established. 8: the same, after a tutor accepted the first.
        world.approve(5, 10);
        world.compensate(5, 10);
        world.decline(6, 10);
        for id in [7, 8] {
            world.approve(id, 10);
            if id == 8 {
                world.assign(id, 10);
            }
            world.compensate(id, 10);
            world.approve(id, 20);
            world.establish(id, 20);
        }
        // A broker may have an event twice.
        let repeated = world.events[0].clone();
        world.events.push(repeated);
        world
    }

    pub fn report(&self) -> Report {
        let journal = self.journal();
        self.snapshot(&journal).judge()
    }

    pub fn snapshot<'a>(&'a self, journal: &'a Journal) -> Snapshot<'a> {
        Snapshot { fleet: &FLEET, stores: &self.stores, journal, client_history: Some(&self.operations) }
    }

    /// The violated laws.
    pub fn violated(&self) -> Vec<&'static str> {
        let report = self.report();
        let verdicts = report.verdicts.iter().filter(|verdict| !verdict.violations.is_empty());
        verdicts.map(|verdict| verdict.law).collect()
    }

    pub fn journal(&self) -> Journal {
        let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for (offset, (context, partition, envelope)) in (0..).zip(&self.events) {
            let place = RecordPosition { topic: format!("matching.{context}"), partition: *partition, offset };
            records.entry((*context).to_owned()).or_default().push(Record::carrying(envelope, place));
        }
        Journal::of(records)
    }

    /// Publishes an event, and returns its time.
    pub fn publish<E: EventSet>(&mut self, event: &E) -> i64 {
        self.now += 1_000;
        let (kind, data) = events::encode(event).unwrap();
        let envelope = Envelope {
            id: format!("event-{}", self.now),
            source: format!("/matching/{}", E::CONTEXT),
            kind,
            subject: event.key().to_string(),
            time: Timestamp::from_micros(self.now),
            trace: None,
            data,
        };
        self.events.push((E::CONTEXT, 0, envelope));
        self.now
    }

    fn operate(&mut self, name: &str, id: i64, status: u16) {
        let operation = Operation::new(name, id, Some(status)).at(Timestamp::from_micros(self.now));
        self.operations.push(if name == REQUEST { operation.with("price", PRICE) } else { operation });
    }

    fn approve(&mut self, id: i64, attempt: i64) {
        let at = self.publish(&PaymentEvent::PaymentApproved(PaymentApproved { match_id: id, attempt, price: PRICE }));
        self.put(
            &PAYMENTS,
            fields! { "match_id": id, "attempt": attempt, "price": PRICE, "state": "Approved", "details": "{}" },
        );
        let visit = fields! {
            "match_id": id, "attempt": attempt, "price": PRICE, "paid_since": at, "canceled": 0,
            "teacher": None::<String>, "visit_date": None::<String>, "is_open": 1, "tutor": None::<String>,
        };
        self.put(&VISITS, visit);
        let page = fields! {
            "id": id, "attempt": attempt, "price": PRICE, "teacher": None::<String>, "visit_date": None::<String>,
            "match_requested_at": None::<i64>, "payment_approved_at": at, "visit_assigned_at": None::<i64>,
            "match_canceled_at": None::<i64>, "payment_canceled_at": None::<i64>, "visit_canceled_at": None::<i64>,
            "student": None::<String>, "step_order": "",
        };
        self.put(&PAGES, page);
    }

    fn establish(&mut self, id: i64, attempt: i64) {
        // Half of them were requested while authentication was disabled.
        let student = (id % 2 == 1).then(|| format!("student {id}"));
        let requested = MatchRequested { id, attempt, price: PRICE, student: student.clone() };
        let at = self.publish(&MatchEvent::MatchRequested(requested));
        self.put_match(id, attempt, "established", "matchRequested", student.as_deref());
        self.row(&PAGES, id).set("match_requested_at", at);
        self.row(&PAGES, id).set("student", student);
        self.operate(REQUEST, id, 201);
    }

    fn assign(&mut self, id: i64, attempt: i64) {
        let (teacher, visit_date) = ("TEACHER".to_owned(), "2027-01-21".to_owned());
        // Half of them were assigned while authentication was disabled.
        let tutor = (id == 4).then(|| "tutor".to_owned());
        let event = VisitAssigned { match_id: id, attempt, teacher, visit_date, tutor: tutor.clone() };
        let at = self.publish(&VisitEvent::VisitAssigned(event));
        for table in [&VISITS, &PAGES] {
            self.row(table, id).set("teacher", "TEACHER");
            self.row(table, id).set("visit_date", "2027-01-21");
        }
        self.row(&VISITS, id).set("tutor", tutor);
        self.row(&VISITS, id).set("is_open", 0);
        self.row(&PAGES, id).set("visit_assigned_at", at);
        self.step(id, "visitAssigned");
        self.operate(ASSIGN, id, 201);
    }

    fn cancel(&mut self, id: i64) {
        let attempt = self.row(&MATCHES, id).i64("attempt").unwrap();
        let at = self.publish(&MatchEvent::MatchCanceled(MatchCanceled { id, attempt }));
        self.row(&PAGES, id).set("match_canceled_at", at);
        self.step(id, "matchCanceled");
        self.operate(CANCEL, id, 200);
        self.refund(id, attempt);
    }

    /// The outcome of its payment was not known.
    fn compensate(&mut self, id: i64, attempt: i64) {
        self.refund(id, attempt);
        self.void(id, attempt);
    }

    /// Payment declines.
    fn decline(&mut self, id: i64, attempt: i64) {
        self.put(
            &PAYMENTS,
            fields! { "match_id": id, "attempt": attempt, "price": PRICE, "state": "Void", "details": "{}" },
        );
        self.void(id, attempt);
    }

    fn void(&mut self, id: i64, attempt: i64) {
        self.put_match(id, attempt, "void", "", None);
        self.operate(REQUEST, id, 503);
    }

    fn refund(&mut self, id: i64, attempt: i64) {
        let at = self.publish(&PaymentEvent::PaymentCanceled(PaymentCanceled { match_id: id, attempt, price: PRICE }));
        self.row(&PAYMENTS, id).set("state", "Canceled");
        self.row(&PAGES, id).set("payment_canceled_at", at);
        self.step(id, "paymentCanceled");
        self.row(&VISITS, id).set("canceled", 1);
        self.row(&VISITS, id).set("is_open", 0);
        if self.row(&VISITS, id).text("teacher").is_some() {
            let at = self.publish(&VisitEvent::VisitCanceled(VisitCanceled { match_id: id, attempt }));
            self.row(&PAGES, id).set("visit_canceled_at", at);
            self.step(id, "visitCanceled");
        }
    }

    /// The row of a case.
    pub fn row(&mut self, table: &Table, id: i64) -> &mut Fields {
        self.stores.rows_mut(table, id).first_mut().unwrap()
    }

    /// The only row of a case.
    pub fn put(&mut self, table: &Table, row: Fields) {
        let id = row.i64("id").or_else(|| row.i64("match_id")).unwrap();
        self.stores.rows_mut(table, id).clear();
        self.stores.add(table, row).unwrap();
    }

    fn put_match(&mut self, id: i64, attempt: i64, phase: &str, step: &str, student: Option<&str>) {
        let row = fields! {
            "id": id, "attempt": attempt, "price": PRICE, "phase": phase, "step": step, "student": student, "settle_at": 0,
        };
        self.put(&MATCHES, row);
    }

    fn step(&mut self, id: i64, step: &str) {
        let rows = self.stores.rows_mut(&MATCHES, id).iter_mut();
        rows.filter(|row| row.text("phase") == Some("established")).for_each(|row| row.set("step", step));
    }
}
