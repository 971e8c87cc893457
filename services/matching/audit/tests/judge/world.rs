//! A small fleet at rest, written down by hand: what its stores keep, its topics have and its clients were told.

use std::collections::BTreeMap;

use ambient::Timestamp;
use audit::{Journal, Report};
use events::{Envelope, EventSet};
use match_contract::{MatchCanceled, MatchEvent, MatchRequested};
use matching_audit::{Asked, CONTEXTS, CaseRow, MatchRow, PageRow, PaymentRow, Stores, Told, judge};
use messaging::{Place, Record};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

pub const PRICE: i64 = 50_000;

#[derive(Clone)]
pub struct World {
    pub stores: Stores,
    /// What was said, in the order of the topics: context, partition and event.
    pub said: Vec<(&'static str, i32, Envelope)>,
    pub told: Vec<Told>,
    now: i64,
}

impl World {
    /// Matches in every state that a fleet at rest knows.
    pub fn sound() -> Self {
        let mut world = Self { stores: Stores::default(), said: Vec::new(), told: Vec::new(), now: 1_000_000 };
        for context in CONTEXTS {
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
        // 5: paid and undone. 6: never paid. 7: undone, and then established. 8: the same, after a tutor took the first.
        world.approve(5, 10);
        world.undo(5, 10);
        world.refuse(6, 10);
        for id in [7, 8] {
            world.approve(id, 10);
            if id == 8 {
                world.assign(id, 10);
            }
            world.undo(id, 10);
            world.approve(id, 20);
            world.establish(id, 20);
        }
        // A broker may have an event twice.
        let twice = world.said[0].clone();
        world.said.push(twice);
        world
    }

    pub fn report(&self) -> Report {
        judge(&self.stores, &self.journal(), Some(&self.told))
    }

    /// Which laws are violated.
    pub fn violated(&self) -> Vec<&'static str> {
        let report = self.report();
        let verdicts = report.verdicts.iter().filter(|verdict| !verdict.violations.is_empty());
        verdicts.map(|verdict| verdict.law).collect()
    }

    pub fn journal(&self) -> Journal {
        let mut records: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for (offset, (context, partition, envelope)) in (0..).zip(&self.said) {
            let place = Place { topic: format!("matching.{context}"), partition: *partition, offset };
            records.entry((*context).to_owned()).or_default().push(Record::carrying(envelope, place));
        }
        Journal::of(records)
    }

    /// Says an event, and tells when.
    pub fn say<E: EventSet>(&mut self, event: &E) -> i64 {
        self.now += 1_000;
        let (kind, data) = events::encode(event).unwrap();
        let envelope = Envelope {
            id: format!("event-{}", self.now),
            source: format!("/matching/{}", E::CONTEXT),
            kind,
            subject: event.correlation_id().to_string(),
            time: Timestamp::from_micros(self.now),
            trace: None,
            data,
        };
        self.said.push((E::CONTEXT, 0, envelope));
        self.now
    }

    fn tell(&mut self, what: Asked, id: i64, status: Option<u16>) {
        let price = (what == Asked::Request).then_some(PRICE);
        self.told.push(Told { at: Some(Timestamp::from_micros(self.now)), what, id, price, status });
    }

    fn approve(&mut self, id: i64, attempt: i64) {
        let at = self.say(&PaymentEvent::PaymentApproved(PaymentApproved { match_id: id, attempt, price: PRICE }));
        let state = "Approved".to_owned();
        self.stores.payments.insert(id, PaymentRow { match_id: id, attempt, price: PRICE, state });
        let case = CaseRow {
            match_id: id,
            attempt,
            price: Some(PRICE),
            paid_since: Some(at),
            canceled: 0,
            teacher: None,
            visit_date: None,
            is_open: 1,
        };
        self.stores.cases.insert(id, case);
        let page = PageRow {
            id,
            attempt,
            price: Some(PRICE),
            teacher: None,
            visit_date: None,
            match_requested_at: None,
            payment_approved_at: Some(at),
            visit_assigned_at: None,
            match_canceled_at: None,
            payment_canceled_at: None,
            visit_canceled_at: None,
            student: None,
        };
        self.stores.pages.insert(id, page);
    }

    fn establish(&mut self, id: i64, attempt: i64) {
        // Half of them were requested while the fleet ran open.
        let student = (id % 2 == 1).then(|| format!("student {id}"));
        let said = MatchRequested { id, attempt, price: PRICE, student: student.clone() };
        let at = self.say(&MatchEvent::MatchRequested(said));
        let (phase, step) = ("established".to_owned(), "matchRequested".to_owned());
        self.stores.matches.insert(id, MatchRow { id, attempt, price: PRICE, phase, step, student: student.clone() });
        (self.page(id).match_requested_at, self.page(id).student) = (Some(at), student);
        self.tell(Asked::Request, id, Some(201));
    }

    fn assign(&mut self, id: i64, attempt: i64) {
        let (teacher, visit_date) = ("TEACHER".to_owned(), "2027-01-21".to_owned());
        let event = VisitAssigned { match_id: id, attempt, teacher: teacher.clone(), visit_date: visit_date.clone() };
        let at = self.say(&VisitEvent::VisitAssigned(event));
        let case = self.case(id);
        (case.teacher, case.visit_date, case.is_open) = (Some(teacher.clone()), Some(visit_date.clone()), 0);
        let page = self.page(id);
        (page.teacher, page.visit_date, page.visit_assigned_at) = (Some(teacher), Some(visit_date), Some(at));
        self.step(id, "visitAssigned");
        self.tell(Asked::Assign, id, Some(201));
    }

    fn cancel(&mut self, id: i64) {
        let attempt = self.stores.matches[&id].attempt;
        let at = self.say(&MatchEvent::MatchCanceled(MatchCanceled { id, attempt }));
        self.page(id).match_canceled_at = Some(at);
        self.step(id, "matchCanceled");
        self.tell(Asked::Cancel, id, Some(200));
        self.give_back(id, attempt);
    }

    /// The outcome of its payment was not known.
    fn undo(&mut self, id: i64, attempt: i64) {
        self.give_back(id, attempt);
        self.void(id, attempt);
    }

    /// Payment declines, and does not even know of it.
    fn refuse(&mut self, id: i64, attempt: i64) {
        let state = "Void".to_owned();
        self.stores.payments.insert(id, PaymentRow { match_id: id, attempt, price: PRICE, state });
        self.void(id, attempt);
    }

    fn void(&mut self, id: i64, attempt: i64) {
        let (phase, step) = ("void".to_owned(), String::new());
        self.stores.matches.insert(id, MatchRow { id, attempt, price: PRICE, phase, step, student: None });
        self.tell(Asked::Request, id, Some(503));
    }

    fn give_back(&mut self, id: i64, attempt: i64) {
        let at = self.say(&PaymentEvent::PaymentCanceled(PaymentCanceled { match_id: id, attempt, price: PRICE }));
        self.stores.payments.get_mut(&id).unwrap().state = "Canceled".to_owned();
        self.page(id).payment_canceled_at = Some(at);
        self.step(id, "paymentCanceled");
        (self.case(id).canceled, self.case(id).is_open) = (1, 0);
        if self.case(id).teacher.is_some() {
            let at = self.say(&VisitEvent::VisitCanceled(VisitCanceled { match_id: id, attempt }));
            self.page(id).visit_canceled_at = Some(at);
            self.step(id, "visitCanceled");
        }
    }

    pub fn page(&mut self, id: i64) -> &mut PageRow {
        self.stores.pages.get_mut(&id).unwrap()
    }

    pub fn case(&mut self, id: i64) -> &mut CaseRow {
        self.stores.cases.get_mut(&id).unwrap()
    }

    fn step(&mut self, id: i64, step: &str) {
        if let Some(row) = self.stores.matches.get_mut(&id).filter(|row| row.phase == "established") {
            step.clone_into(&mut row.step);
        }
    }
}
