//! The rules of the payment, without anything around it.

use match_contract::MatchCanceled;
use payment_domain::{Approval, Bill, Payment, Refusal, State, approve, cancel};
use proptest::prelude::*;

fn bill(attempt: i64) -> Bill {
    Bill { match_id: 5000, attempt, price: 10 }
}

fn payment(attempt: i64, state: State) -> Payment {
    Payment { bill: bill(attempt), state }
}

#[test]
fn the_same_bill_is_paid_once() {
    let Ok(Approval::Now(paid, event)) = approve(None, bill(1)) else { panic!("refused") };
    assert_eq!((event.match_id, event.attempt, event.price), (5000, 1, 10));
    assert_eq!(approve(Some(&paid), bill(1)), Ok(Approval::Before(paid)));
}

#[test]
fn an_approval_that_its_cancellation_overtook_is_refused() {
    let (void, event) = cancel(None, bill(1)).unwrap();
    assert_eq!((void.state, event), (State::Void, None));
    assert_eq!(approve(Some(&void), bill(1)), Err(Refusal::Canceled));
}

#[test]
fn a_later_attempt_is_paid_once_the_earlier_one_is_undone() {
    for undone in [State::Canceled, State::Void] {
        assert!(matches!(approve(Some(&payment(1, undone)), bill(2)), Ok(Approval::Now(..))));
    }
    assert_eq!(approve(Some(&payment(1, State::Approved)), bill(2)), Err(Refusal::OtherAttempt));
    assert_eq!(approve(Some(&payment(2, State::Void)), bill(1)), Err(Refusal::OtherAttempt));
}

#[test]
fn money_is_given_back_once_and_only_if_it_was_taken() {
    let (canceled, event) = cancel(Some(&payment(1, State::Approved)), bill(1)).unwrap();
    assert!(event.is_some());
    assert_eq!(cancel(Some(&canceled), bill(1)), None);
    assert_eq!(canceled.follow(&MatchCanceled { id: 5000, attempt: 1 }), None);
    assert_eq!(cancel(Some(&payment(2, State::Approved)), bill(1)), None, "a past attempt");
}

#[derive(Debug, Clone)]
enum Happens {
    Approve(i64),
    Cancel(i64),
    MatchCanceled(i64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let attempt = 1..4_i64;
    prop_oneof![
        attempt.clone().prop_map(Happens::Approve),
        attempt.clone().prop_map(Happens::Cancel),
        attempt.prop_map(Happens::MatchCanceled),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_in_whatever_order_each_attempt_is_paid_and_paid_back_at_most_once_and_in_that_order(
        story in proptest::collection::vec(happens(), 0..40),
    ) {
        let mut known: Option<Payment> = None;
        let (mut taken, mut given_back) = (vec![], vec![]);
        for happened in story {
            let change = match happened {
                Happens::Approve(attempt) => match approve(known.as_ref(), bill(attempt)) {
                    Ok(Approval::Now(payment, event)) => {
                        taken.push(event.attempt);
                        Some((payment, None))
                    }
                    Ok(Approval::Before(_)) | Err(_) => None,
                },
                Happens::Cancel(attempt) => cancel(known.as_ref(), bill(attempt)),
                Happens::MatchCanceled(attempt) => {
                    known.and_then(|payment| payment.follow(&MatchCanceled { id: 5000, attempt }))
                }
            };
            if let Some((payment, event)) = change {
                known = Some(payment);
                given_back.extend(event.map(|event| event.attempt));
            }
            // All that was taken is given back, but for what the payment says is taken.
            let mut open = taken.clone();
            open.retain(|attempt| !given_back.contains(attempt));
            let stands = known.filter(|payment| payment.state == State::Approved).map(|payment| payment.bill.attempt);
            prop_assert_eq!(open, Vec::from_iter(stands));
        }
        prop_assert!(taken.is_sorted_by(|a, b| a < b), "no attempt is paid twice: {:?}", taken);
        prop_assert!(given_back.is_sorted_by(|a, b| a < b), "or paid back twice: {:?}", given_back);
    }

    #[test]
    fn the_payment_ends_in_one_state_however_often_the_cancellation_of_the_match_comes(times in 1..5_usize) {
        let mut known = payment(1, State::Approved);
        let mut said = 0;
        for _ in 0..times {
            if let Some((changed, event)) = known.follow(&MatchCanceled { id: 5000, attempt: 1 }) {
                known = changed;
                said += usize::from(event.is_some());
            }
        }
        prop_assert_eq!((known.state, said), (State::Canceled, 1));
    }
}
