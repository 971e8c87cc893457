//! The rules of the management, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use cleanassign_contract::{AssignmentCanceled, AssignmentFinished, CleanerAssigned, Status};
use cleancall_contract::CleanCallCanceled;
use cleanmanage_domain::{Declined, EarlierAccepted, Management, Places, Request, State, StepEvent, Withdrawn};
use events::react;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn request() -> Request {
    Request { location: Some("seoul".to_owned()), tel: "********353".to_owned(), customer: None }
}

fn accepted(attempt: i64) -> Management {
    let mut management = Management::none(5);
    management.accept(attempt, request()).unwrap();
    management
}

fn event(kind: usize, attempt: i64) -> StepEvent {
    let (call_id, cleaner_id, cleaner) = (5, 3, "Park".to_owned());
    match kind {
        0 => StepEvent::CleanerAssigned(CleanerAssigned { call_id, attempt, cleaner_id, cleaner }),
        1 => StepEvent::AssignmentFinished(AssignmentFinished { call_id, attempt, cleaner_id, cleaner }),
        2 => StepEvent::AssignmentCanceled(AssignmentCanceled { call_id, attempt, cleaner_id, cleaner }),
        _ => StepEvent::CleanCallCanceled(CleanCallCanceled { call_id, attempt }),
    }
}

#[test]
fn places_that_are_not_served_and_more_calls_than_the_limit_are_declined() {
    let all = Places::default();
    assert_eq!(all.check(Some("jeju"), 1_000_000), Ok(()));
    let some = Places { served: Some(vec!["seoul".to_owned()]), limit: Some(2) };
    assert_eq!(some.check(Some("seoul"), 1), Ok(()));
    assert_eq!(some.check(None, 1), Ok(()));
    assert_eq!(some.check(Some("jeju"), 0), Err(Declined::PlaceNotServed("jeju".to_owned())));
    assert_eq!(some.check(Some("seoul"), 2), Err(Declined::TooManyCalls(2)));
}

#[test]
fn a_withdrawal_that_overtakes_its_acceptance_leaves_a_mark() {
    let mut management = Management::none(5);
    assert_eq!(management.withdraw(7), Ok(None));
    assert_eq!(management.accept(7, request()), Err(Withdrawn));
    assert_eq!((management.accept(6, request()), management.status()), (Err(Withdrawn), None));
    assert!(management.accept(8, request()).is_ok());
}

#[test]
fn an_acceptance_is_withdrawn_once_and_then_never_was() {
    let mut management = accepted(7);
    assert!(management.is_accepted(7) && !management.is_accepted(6));
    assert_eq!(management.withdraw(8), Err(EarlierAccepted));
    assert!(management.withdraw(7).unwrap().is_some());
    assert_eq!((management.withdraw(7), management.withdraw(6), management.status()), (Ok(None), Ok(None), None));
}

#[test]
fn what_its_customer_cancels_stays_and_is_not_withdrawn() {
    let mut management = accepted(7);
    assert!(react(&mut management, &event(3, 7), NOW).is_some());
    assert!(react(&mut management, &event(3, 7), NOW).is_none());
    assert_eq!((management.status(), management.withdraw(7)), (Some(Status::Canceled), Ok(None)));
    assert_eq!(management.state, State::Canceled);
}

proptest! {
    #[test]
    fn every_order_and_repetition_of_events_leads_to_one_state_and_one_cancellation(
        order in proptest::collection::vec((0..4_usize, 6..9_i64), 0..12),
    ) {
        let apply = |order: &[(usize, i64)]| {
            let mut management = accepted(7);
            let events = order.iter().filter_map(|(kind, attempt)| react(&mut management, &event(*kind, *attempt), NOW));
            let events = events.count();
            (management, events)
        };
        let once = apply(&order);
        let mut turned = order.clone();
        turned.reverse();
        prop_assert_eq!(&apply(&turned), &once);
        prop_assert_eq!(&apply(&[order.clone(), order.clone()].concat()), &once);
        let is_canceled = order.contains(&(3, 7));
        prop_assert_eq!((once.1, once.0.state == State::Canceled), (usize::from(is_canceled), is_canceled));
    }

    /// Whatever calls arrive, late or again: an attempt is accepted at most once, and not after it was withdrawn.
    #[test]
    fn an_attempt_that_was_withdrawn_is_never_accepted(
        calls in proptest::collection::vec((any::<bool>(), 1..4_i64), 0..20),
    ) {
        let mut management = Management::none(5);
        let (mut accepted, mut withdrawn) = (vec![], vec![]);
        for (is_acceptance, attempt) in calls {
            if is_acceptance {
                if management.accept(attempt, request()).is_ok() {
                    prop_assert!(!accepted.contains(&attempt) && !withdrawn.contains(&attempt));
                    accepted.push(attempt);
                }
            } else if management.withdraw(attempt).is_ok() {
                withdrawn.push(attempt);
                prop_assert!(!(management.attempt == attempt && management.state == State::Accepted));
            }
        }
    }
}
