//! The rules of a call, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Positive, Subject, Timestamp};
use cleanassign_contract::{AssignmentCanceled, AssignmentFinished, CleanerAssigned, Status};
use cleancall_domain::{Attempt, Call, Established, IsFinished, Offer, Request, StepEvent, Telephone};
use events::{Decision, Offer as _, react};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn number(number: i64) -> Positive {
    Positive::new(number).unwrap()
}

fn offer(location: Option<&str>, customer: Option<&str>) -> Offer {
    let tel = Telephone::new("01023221353").unwrap();
    let customer = customer.map(|name| Subject::new(name).unwrap());
    Offer { request: Request { tel, location: location.map(str::to_owned), cost: Some(number(10)) }, customer }
}

fn attempt(number_of_attempt: i64) -> Attempt {
    let Offer { request, customer } = offer(Some("seoul"), None);
    Attempt { id: number(5), number: number_of_attempt, request, customer }
}

fn taken() -> Call {
    Established::from(attempt(7)).into()
}

fn event(kind: usize, attempt: i64) -> StepEvent {
    let (call_id, cleaner_id, cleaner) = (5, 3, "Park".to_owned());
    match kind {
        0 => StepEvent::CleanerAssigned(CleanerAssigned { call_id, attempt, cleaner_id, cleaner }),
        1 => StepEvent::AssignmentFinished(AssignmentFinished { call_id, attempt, cleaner_id, cleaner }),
        _ => StepEvent::AssignmentCanceled(AssignmentCanceled { call_id, attempt, cleaner_id, cleaner }),
    }
}

fn status(call: &Call) -> Option<Status> {
    call.established().map(Established::status)
}

#[test]
fn a_telephone_number_has_7_to_20_digits_plus_signs_hyphens_and_blanks_and_is_masked_in_logs() {
    for valid in ["0212345", "+82 10-2322-1353", "12345678901234567890"] {
        assert_eq!(Telephone::new(valid).unwrap().as_str(), valid);
    }
    for invalid in ["", "021234", "123456789012345678901", "0212345x", "０２１２３４５"] {
        assert!(Telephone::new(invalid).is_err(), "{invalid}");
    }
    let tel = Telephone::new("01023221353").unwrap();
    assert_eq!(format!("{:?} {:?}", tel, offer(None, None)).matches("353").count(), 2);
    assert!(!format!("{:?}", attempt(1)).contains("01023221"));
    assert_eq!(tel.masked(), "********353");
}

#[test]
fn a_new_or_void_id_begins_an_attempt_with_a_greater_number() {
    let Decision::Begin(first) = offer(None, None).decide(None, number(5), NOW) else { panic!("it begins") };
    assert_eq!(first.number, 1_000);
    let void = Call::Void(attempt(2_000));
    let Decision::Begin(next) = offer(None, None).decide(Some(&void), number(5), NOW) else { panic!("it begins") };
    assert_eq!(next.number, 2_001);
}

#[test]
fn the_same_request_is_known_another_one_is_different_and_the_id_of_others_or_of_a_cancelled_call_is_taken() {
    let decide = |offer: Offer, known: &Call| offer.decide(Some(known), number(5), NOW);
    let known = taken();
    assert!(matches!(decide(offer(Some("seoul"), None), &known), Decision::Known(_)));
    assert_eq!(decide(offer(Some("busan"), None), &known), Decision::Different);
    assert_eq!(decide(offer(Some("seoul"), Some("lee")), &known), Decision::Taken);
    assert_eq!(decide(offer(Some("seoul"), None), &Call::Compensating(attempt(7))), Decision::InProgress);
    let mut canceled = taken();
    canceled.cancel().unwrap().unwrap();
    assert_eq!(decide(offer(Some("seoul"), None), &canceled), Decision::Taken);
}

#[test]
fn a_call_is_cancelled_once_and_never_after_the_work_is_done() {
    let mut call = taken();
    let canceled = call.cancel().unwrap().unwrap();
    assert_eq!((canceled.call_id, canceled.attempt, call.cancel()), (5, 7, Ok(None)));
    assert_eq!(status(&call), Some(Status::Canceled));
    let mut call = taken();
    react(&mut call, &event(1, 7), NOW);
    assert_eq!((call.cancel(), status(&call)), (Err(IsFinished), Some(Status::Finished)));
}

#[test]
fn an_assignment_that_is_known_before_the_answer_of_the_management_is_kept() {
    let mut call = Call::Pending(attempt(7), cleanassign_contract::Assignment::default());
    react(&mut call, &event(0, 7), NOW);
    let Call::Pending(_, assignment) = call else { panic!("it is pending") };
    assert_eq!(assignment.cleaner.as_deref(), Some("Park"));
}

proptest! {
    #[test]
    fn every_order_and_repetition_of_events_leads_to_one_state(
        order in proptest::collection::vec((0..3_usize, 6..9_i64), 0..12),
        split in 0..12_usize,
    ) {
        let apply = |order: &[(usize, i64)]| {
            let mut call = taken();
            for (kind, attempt) in order {
                drop(react(&mut call, &event(*kind, *attempt), NOW));
            }
            call
        };
        let once = apply(&order);
        let mut turned = order.clone();
        turned.reverse();
        prop_assert_eq!(&apply(&turned), &once);
        let again = [order.clone(), order[..split.min(order.len())].to_vec()].concat();
        prop_assert_eq!(&apply(&again), &once);
        let of_ours = order.iter().filter(|(_, attempt)| *attempt == 7).map(|(kind, _)| *kind).max();
        let expected = [Status::Calling, Status::Confirmed, Status::Finished, Status::Canceled];
        prop_assert_eq!(status(&once), Some(expected[of_ours.map_or(0, |kind| kind + 1)]));
    }
}
