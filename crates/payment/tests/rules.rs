//! The rules of a payment, without anything around it.

use payment::rules::{approve, cancel};
use payment::{ApproveError, Bill, EarlierAttemptApproved, NoDetails, Payment, State};
use proptest::prelude::*;

const D: NoDetails = NoDetails {};

fn bill(attempt: i64) -> Bill {
    Bill { key: 5000, attempt, price: 10 }
}

fn payment(attempt: i64, state: State) -> Payment<NoDetails> {
    Payment { bill: bill(attempt), details: D, state }
}

#[test]
fn the_same_bill_is_approved_once() {
    let paid = approve(None, bill(1), D).unwrap().unwrap();
    assert_eq!(paid, payment(1, State::Approved));
    assert_eq!(approve(Some(&paid), bill(1), D), Ok(None));
}

#[test]
fn an_approval_that_its_cancellation_overtook_is_rejected() {
    let void = cancel(None, bill(1), D).unwrap().unwrap();
    assert_eq!(void, payment(1, State::Void));
    assert_eq!(approve(Some(&void), bill(1), D), Err(ApproveError::Canceled));
}

/// Every pair of a known payment and a bill of an earlier, the same and a later attempt.
#[test]
fn an_approval_by_attempt_and_state() {
    use ApproveError::{Canceled, OtherAttempt};
    let new = |attempt| Ok(Some(payment(attempt, State::Approved)));
    for (state, expected) in [
        (State::Approved, [Err(OtherAttempt), Ok(None), Err(OtherAttempt)]),
        (State::Canceled, [Err(OtherAttempt), Err(Canceled), new(3)]),
        (State::Void, [Err(OtherAttempt), Err(Canceled), new(3)]),
    ] {
        let known = payment(2, state);
        assert_eq!([1, 2, 3].map(|attempt| approve(Some(&known), bill(attempt), D)), expected, "{state:?}");
    }
}

#[test]
fn a_cancellation_by_attempt_and_state() {
    let canceled = Ok(Some(payment(2, State::Canceled)));
    let void = Ok(Some(payment(3, State::Void)));
    for (state, expected) in [
        (State::Approved, [Ok(None), canceled, Err(EarlierAttemptApproved)]),
        (State::Canceled, [Ok(None), Ok(None), void.clone()]),
        (State::Void, [Ok(None), Ok(None), void]),
    ] {
        let known = payment(2, state);
        assert_eq!([1, 2, 3].map(|attempt| cancel(Some(&known), bill(attempt), D)), expected, "{state:?}");
    }
}

#[test]
fn an_event_cancels_the_approved_payment_of_its_own_attempt_alone() {
    for state in [State::Approved, State::Canceled, State::Void] {
        let known = payment(2, state);
        let canceled = (state == State::Approved).then(|| payment(2, State::Canceled));
        assert_eq!([1, 2, 3].map(|attempt| known.canceled(attempt)), [None, canceled, None], "{state:?}");
    }
}

#[test]
fn a_payment_keeps_its_own_price_and_details() {
    let known = Payment { bill: bill(1), details: "room 7", state: State::Approved };
    let other = Bill { price: 99, ..bill(1) };
    assert_eq!(approve(Some(&known), other, "room 8"), Ok(None));
    let canceled = cancel(Some(&known), other, "room 8").unwrap().unwrap();
    assert_eq!(canceled, Payment { state: State::Canceled, ..known });
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Approve(i64),
    Cancel(i64),
    Event(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let attempt = 1..4_i64;
    prop_oneof![
        attempt.clone().prop_map(Step::Approve),
        attempt.clone().prop_map(Step::Cancel),
        attempt.prop_map(Step::Event),
    ]
}

/// The changed payment, if the step changes it.
fn change(known: Option<&Payment<NoDetails>>, step: Step) -> Option<Payment<NoDetails>> {
    match step {
        Step::Approve(attempt) => approve(known, bill(attempt), D).ok().flatten(),
        Step::Cancel(attempt) => cancel(known, bill(attempt), D).ok().flatten(),
        Step::Event(attempt) => known?.canceled(attempt),
    }
}

proptest! {
    #[test]
    fn in_every_order_each_attempt_is_paid_and_paid_back_at_most_once_and_in_that_order(
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let mut known: Option<Payment<NoDetails>> = None;
        let (mut taken, mut returned) = (vec![], vec![]);
        for step in steps {
            if let Some(changed) = change(known.as_ref(), step) {
                match changed.state {
                    State::Approved => taken.push(changed.bill.attempt),
                    State::Canceled => returned.push(changed.bill.attempt),
                    State::Void => {}
                }
                known = Some(changed);
            }
            // All that was taken is paid back, except what the payment says is taken.
            let mut held = taken.clone();
            held.retain(|attempt| !returned.contains(attempt));
            let approved = known.iter().filter(|payment| payment.state == State::Approved);
            prop_assert_eq!(held, approved.map(|payment| payment.bill.attempt).collect::<Vec<_>>());
        }
        prop_assert!(taken.is_sorted_by(|a, b| a < b), "no attempt is paid twice: {:?}", taken);
        prop_assert!(returned.is_sorted_by(|a, b| a < b), "or paid back twice: {:?}", returned);
    }

    #[test]
    fn a_cancelled_attempt_is_never_approved_again(
        steps in proptest::collection::vec(step(), 0..40),
        attempt in 1..4_i64,
    ) {
        let mut known = None;
        for step in steps.iter().copied() {
            known = change(known.as_ref(), step).or(known);
        }
        let canceled = cancel(known.as_ref(), bill(attempt), D);
        prop_assume!(canceled.is_ok(), "the caller repeats a cancellation that is rejected");
        known = canceled.unwrap().or(known);
        let holds = |known: &Option<Payment<NoDetails>>| {
            known.as_ref().is_some_and(|known| known.bill.attempt == attempt && known.state == State::Approved)
        };
        prop_assert!(!holds(&known));
        for step in steps {
            known = change(known.as_ref(), step).or(known);
            prop_assert!(!holds(&known), "{:?} after {:?}", known, step);
        }
    }

    #[test]
    fn a_repeated_step_changes_nothing(steps in proptest::collection::vec(step(), 0..40)) {
        let mut known = None;
        for step in steps {
            known = change(known.as_ref(), step).or(known);
            prop_assert_eq!(change(known.as_ref(), step), None, "{:?} twice", step);
        }
    }
}
