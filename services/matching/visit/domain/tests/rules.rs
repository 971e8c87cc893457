//! The rules of visits, without anything around them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Subject, Timestamp};
use events::{Inbound as _, Projection as _, apply};
use match_contract::MatchCanceled;
use payment_contract::{PaymentApproved, PaymentCanceled};
use proptest::prelude::*;
use visit_contract::VisitEvent;
use visit_domain::{Case, CaseEvent, Refusal, Visit, VisitDate};

const ID: i64 = 5000;

fn approved(attempt: i64) -> CaseEvent {
    CaseEvent::PaymentApproved(PaymentApproved { match_id: ID, attempt, price: 10 })
}

fn payment_canceled(attempt: i64) -> CaseEvent {
    CaseEvent::PaymentCanceled(PaymentCanceled { match_id: ID, attempt, price: 10 })
}

fn match_canceled(attempt: i64) -> CaseEvent {
    CaseEvent::MatchCanceled(MatchCanceled { id: ID, attempt })
}

/// Applies an event, which occurs at a time that its attempt has. Returns the attempts whose visits are cancelled.
fn canceled_by(case: &mut Case, event: &CaseEvent) -> Vec<i64> {
    let at = Timestamp::from_micros(event.epoch());
    let canceled = apply(case, event, at).into_iter().map(|event| match event {
        VisitEvent::VisitCanceled(event) => event.attempt,
        VisitEvent::VisitAssigned(event) => panic!("{event:?}"),
    });
    canceled.collect()
}

fn case(events: &[CaseEvent]) -> Case {
    let mut case = Case::begin(ID, 0);
    for event in events {
        assert_eq!(canceled_by(&mut case, event), [0; 0]);
    }
    case
}

fn visit() -> Visit {
    Visit { tutor: Some(Subject::new("tom").unwrap()), teacher: "TEACHER".into(), date: "2021-01-21".parse().unwrap() }
}

#[test]
fn a_paid_request_is_open_until_a_tutor_takes_it() {
    let mut case = case(&[approved(1)]);
    assert!(case.is_open());
    let event = case.assign(visit()).unwrap();
    assert_eq!((event.teacher.as_str(), event.visit_date.as_str()), ("TEACHER", "2021-01-21"));
    assert_eq!(event.tutor.as_deref(), Some("tom"));
    assert!(!case.is_open());
    assert_eq!(case.assign(visit()), Err(Refusal::Assigned));
    let other = Visit { tutor: None, ..visit() };
    assert_eq!((case.assign(other), case.visit), (Err(Refusal::Assigned), Some(visit())));
}

#[test]
fn a_cancellation_that_overtakes_the_payment_keeps_the_request_from_ever_being_listed() {
    let mut case = case(&[match_canceled(1), approved(1)]);
    assert!(!case.is_open());
    assert_eq!(case.assign(visit()), Err(Refusal::Canceled));
}

#[test]
fn a_visit_for_a_match_that_was_never_paid_is_refused() {
    assert_eq!(Case::begin(ID, 0).assign(visit()), Err(Refusal::NeverPaid));
}

#[test]
fn a_visit_is_cancelled_once_however_often_the_cancellation_comes() {
    let mut case = case(&[approved(1)]);
    case.assign(visit()).unwrap();
    assert_eq!(canceled_by(&mut case, &match_canceled(1)), [1]);
    assert_eq!(canceled_by(&mut case, &match_canceled(1)), [0; 0]);
    assert_eq!(canceled_by(&mut case, &payment_canceled(1)), [0; 0]);
}

#[test]
fn a_later_attempt_is_listed_although_the_earlier_one_was_paid_back() {
    assert!(case(&[approved(1), payment_canceled(1), approved(2)]).is_open());
    assert!(case(&[approved(2), payment_canceled(1), approved(1)]).is_open());
}

#[test]
fn a_visit_of_an_earlier_attempt_is_cancelled_and_gives_way() {
    let mut case = case(&[approved(1)]);
    case.assign(visit()).unwrap();
    assert_eq!(canceled_by(&mut case, &approved(2)), [1]);
    assert!(case.is_open());
}

#[test]
fn a_date_is_read_in_four_forms_and_written_in_one() {
    for text in ["2021-01-21", "21/01/21", "210121", "20210121"] {
        assert_eq!(text.parse::<VisitDate>().unwrap().to_string(), "2021-01-21", "{text}");
    }
    let wrong = ["", "2021-02-29", "21/1/21", "2021/01/21", "21-01-21", "+10121", "2021-01-2１", "soon", "20210100"];
    for text in wrong.into_iter().chain(["2021-1-021", "21/1/021", "2021--0121"]) {
        assert!(text.parse::<VisitDate>().is_err(), "{text}");
    }
}

fn event() -> impl Strategy<Value = CaseEvent> {
    let attempt = 1..4_i64;
    prop_oneof![
        attempt.clone().prop_map(approved),
        attempt.clone().prop_map(payment_canceled),
        attempt.prop_map(match_canceled),
    ]
}

proptest! {
    #[test]
    fn the_case_ends_in_one_state_whatever_the_order_and_repetition_of_its_events(
        events in proptest::collection::vec(event(), 0..12),
        order in any::<prop::sample::Index>(),
        repeated in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut other = events.clone();
        if !events.is_empty() {
            other.rotate_left(order.index(events.len()));
            other.reverse();
            other.extend(repeated.iter().map(|index| index.get(&events).clone()));
        }
        prop_assert_eq!(case(&events), case(&other));
    }

    #[test]
    fn wherever_the_assignment_falls_a_cancelled_match_ends_without_a_visit_that_stands(
        before in proptest::collection::vec(event(), 0..8),
        after in proptest::collection::vec(event(), 0..8),
    ) {
        let mut case = case(&before);
        let assigned = case.assign(visit()).ok();
        let mut canceled = vec![];
        for event in &after {
            canceled.extend(canceled_by(&mut case, event));
        }
        // Cancelled at most once, and exactly if the assigned visit does not stand any more.
        let stands = case.visit.is_some() && !case.canceled;
        // No event of another context assigns it to another tutor.
        prop_assert!(case.visit.iter().all(|kept| *kept == visit()));
        prop_assert_eq!(canceled.len(), usize::from(assigned.is_some() && !stands));
        prop_assert!(canceled.iter().all(|attempt| Some(*attempt) == assigned.as_ref().map(|event| event.attempt)));
    }
}
