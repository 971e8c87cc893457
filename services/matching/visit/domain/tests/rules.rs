//! The rules of visits, without anything around them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use match_contract::MatchCanceled;
use payment_contract::{PaymentApproved, PaymentCanceled};
use proptest::prelude::*;
use visit_domain::{Case, News, Refusal, Tutor, Visit, VisitDate};

const ID: i64 = 5000;

fn approved(attempt: i64) -> News {
    News::Approved(PaymentApproved { match_id: ID, attempt, price: 10 }, Timestamp::from_micros(attempt))
}

fn payment_canceled(attempt: i64) -> News {
    News::PaymentCanceled(PaymentCanceled { match_id: ID, attempt, price: 10 })
}

fn match_canceled(attempt: i64) -> News {
    News::MatchCanceled(MatchCanceled { id: ID, attempt })
}

fn case(news: &[News]) -> Case {
    let mut case = Case::unknown(ID);
    for news in news {
        assert_eq!(case.learn(news), None);
    }
    case
}

fn visit() -> Visit {
    Visit { tutor: Some(Tutor::new("tom").unwrap()), teacher: "TEACHER".into(), date: "2021-01-21".parse().unwrap() }
}

#[test]
fn a_paid_request_is_open_until_a_tutor_takes_it() {
    let mut case = case(&[approved(1)]);
    assert!(case.is_open());
    let event = case.assign(visit()).unwrap();
    assert_eq!((event.teacher.as_str(), event.visit_date.as_str()), ("TEACHER", "2021-01-21"));
    assert!(!case.is_open());
    assert_eq!(case.assign(visit()), Err(Refusal::Assigned));
    let other = Visit { tutor: None, ..visit() };
    assert_eq!((case.assign(other), case.visit), (Err(Refusal::Assigned), Some(visit())));
}

#[test]
fn a_tutor_has_a_name_of_one_to_255_characters_without_control_characters() {
    for wrong in [String::new(), "a".repeat(256), "a\nb".to_owned(), "\0".to_owned()] {
        assert!(Tutor::new(wrong.clone()).is_err(), "{wrong:?}");
    }
    for right in ["a".to_owned(), "\u{e9}".repeat(255), "f:1 tom@example".to_owned()] {
        assert_eq!(Tutor::new(right.clone()).unwrap().as_str(), right);
    }
}

#[test]
fn a_cancellation_that_overtakes_the_payment_keeps_the_request_from_ever_being_listed() {
    let mut case = case(&[match_canceled(1), approved(1)]);
    assert!(!case.is_open());
    assert_eq!(case.assign(visit()), Err(Refusal::Canceled));
}

#[test]
fn a_visit_for_a_match_that_was_never_paid_is_refused() {
    assert_eq!(Case::unknown(ID).assign(visit()), Err(Refusal::NeverPaid));
}

#[test]
fn a_visit_is_cancelled_once_however_often_the_cancellation_comes() {
    let mut case = case(&[approved(1)]);
    case.assign(visit()).unwrap();
    assert!(case.learn(&match_canceled(1)).is_some());
    assert_eq!(case.learn(&match_canceled(1)), None);
    assert_eq!(case.learn(&payment_canceled(1)), None);
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
    assert_eq!(case.learn(&approved(2)).map(|event| event.attempt), Some(1));
    assert!(case.is_open());
}

#[test]
fn a_date_is_read_in_four_forms_and_written_in_one() {
    for text in ["2021-01-21", "21/01/21", "210121", "20210121"] {
        assert_eq!(text.parse::<VisitDate>().unwrap().to_string(), "2021-01-21", "{text}");
    }
    for text in ["", "2021-02-29", "21/1/21", "2021/01/21", "21-01-21", "+10121", "2021-01-2１", "soon", "20210100"] {
        assert!(text.parse::<VisitDate>().is_err(), "{text}");
    }
}

fn news() -> impl Strategy<Value = News> {
    let attempt = 1..4_i64;
    prop_oneof![
        attempt.clone().prop_map(approved),
        attempt.clone().prop_map(payment_canceled),
        attempt.prop_map(match_canceled),
    ]
}

proptest! {
    #[test]
    fn the_case_ends_in_one_state_whatever_the_order_and_repetition_of_the_news(
        news in proptest::collection::vec(news(), 0..12),
        order in any::<prop::sample::Index>(),
        repeated in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut other = news.clone();
        if !news.is_empty() {
            other.rotate_left(order.index(news.len()));
            other.reverse();
            other.extend(repeated.iter().map(|index| index.get(&news).clone()));
        }
        prop_assert_eq!(case(&news), case(&other));
    }

    #[test]
    fn wherever_the_assignment_falls_a_cancelled_match_ends_without_a_visit_that_stands(
        before in proptest::collection::vec(news(), 0..8),
        after in proptest::collection::vec(news(), 0..8),
    ) {
        let mut case = case(&before);
        let assigned = case.assign(visit()).ok();
        let mut said = vec![];
        for news in &after {
            said.extend(case.learn(news));
        }
        // Said at most once, and exactly if the visit that was assigned does not stand any more.
        let stands = case.visit.is_some() && !case.canceled;
        // Nothing that others say makes it somebody else's.
        prop_assert!(case.visit.iter().all(|kept| *kept == visit()));
        prop_assert_eq!(said.len(), usize::from(assigned.is_some() && !stands));
        prop_assert!(said.iter().all(|event| Some(event.attempt) == assigned.as_ref().map(|event| event.attempt)));
    }
}
