//! The rules of the match, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::{Subject, Timestamp};
use events::{Offer as _, react};
use match_contract::Step;
use match_domain::{Established, Match, MatchAttempt, MatchId, Offer, Price, StepEvent};
use payment_contract::PaymentCanceled;
use proptest::prelude::*;
use visit_contract::{VisitAssigned, VisitCanceled};

type Decision = events::Decision<MatchAttempt, Established>;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn student(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

fn attempt(number: i64, price: i64) -> MatchAttempt {
    MatchAttempt { id: MatchId::new(5000).unwrap(), number, price: Price::new(price).unwrap(), student: None }
}

fn ask_as(student: Option<Subject>, known: Option<&Match>, price: i64) -> Decision {
    let offer = Offer { price: Price::new(price).unwrap(), student };
    offer.decide(known, MatchId::new(5000).unwrap(), NOW)
}

/// As long as the fleet runs open.
fn ask(known: Option<&Match>, price: i64) -> Decision {
    ask_as(None, known, price)
}

/// All phases of an attempt.
fn states(attempt: &MatchAttempt) -> [Match; 4] {
    let (attempt, established) = (attempt.clone(), Established::from(attempt.clone()));
    [
        Match::Pending(attempt.clone(), None),
        Match::Compensating(attempt.clone()),
        Match::Established(established),
        Match::Void(attempt),
    ]
}

#[test]
fn a_price_is_a_whole_number_from_one_to_the_largest_that_json_keeps() {
    for wrong in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
        assert!(Price::new(wrong).is_err(), "{wrong}");
    }
    assert!([1, (1 << 53) - 1].into_iter().all(|right| Price::new(right).is_ok()));
}

#[test]
fn a_student_has_a_name_of_one_to_255_characters_without_control_characters() {
    for wrong in [String::new(), "a".repeat(256), "a\nb".to_owned(), "\0".to_owned()] {
        assert!(Subject::new(wrong.clone()).is_err(), "{wrong:?}");
    }
    for right in ["a".to_owned(), "\u{e9}".repeat(255), "f:1 kim@example".to_owned()] {
        assert_eq!(Subject::new(right.clone()).unwrap().as_str(), right);
    }
}

#[test]
fn the_first_request_begins_and_the_same_again_finds_the_match() {
    assert_eq!(ask(None, 10), Decision::Begin(attempt(1_000, 10)));
    let (established, event) = (Established::from(attempt(1_000, 10)), attempt(1_000, 10).requested());
    assert_eq!((event.id, event.attempt, event.price, event.student), (5000, 1_000, 10, None));
    assert_eq!(ask(Some(&Match::Established(established.clone())), 10), Decision::Known(established.clone()));
    assert_eq!(ask(Some(&Match::Established(established)), 11), Decision::Different);
}

#[test]
fn while_an_attempt_is_undecided_no_other_begins() {
    assert_eq!(ask(Some(&Match::Pending(attempt(1, 10), None)), 10), Decision::InProgress);
    assert_eq!(ask(Some(&Match::Compensating(attempt(1, 10))), 10), Decision::InProgress);
}

#[test]
fn after_a_void_attempt_the_id_is_free_at_any_price_and_attempts_grow_even_if_clocks_do_not() {
    assert_eq!(ask(Some(&Match::Void(attempt(1, 10))), 20), Decision::Begin(attempt(1_000, 20)));
    assert_eq!(ask(Some(&Match::Void(attempt(9_999, 10))), 20), Decision::Begin(attempt(10_000, 20)));
}

#[test]
fn cancelling_twice_is_said_once() {
    let mut established = Established::from(attempt(1, 10));
    assert!(established.cancel().is_some());
    assert_eq!(established.cancel(), None);
    assert_eq!(established.step, Step::MatchCanceled);
}

#[test]
fn a_match_that_was_requested_says_which_student_it_is_for() {
    let requested = MatchAttempt { student: Some(student("kim")), ..attempt(1, 10) };
    let event = requested.requested();
    assert_eq!((requested.student, event.student.as_deref()), (Some(student("kim")), Some("kim")));
}

/// What another context reports of an attempt at the match.
fn reported(attempt: i64, kind: usize) -> StepEvent {
    let (match_id, teacher, visit_date) = (5000, "T".to_owned(), "2021-01-21".to_owned());
    match kind {
        0 => StepEvent::VisitAssigned(VisitAssigned { match_id, attempt, teacher, visit_date, tutor: None }),
        1 => StepEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price: 10 }),
        _ => StepEvent::VisitCanceled(VisitCanceled { match_id, attempt }),
    }
}

/// Every phase, and a report of an earlier, the same and a later attempt.
#[test]
fn a_report_changes_a_pending_or_established_match_of_its_own_attempt_alone() {
    for (kind, step) in [(0, Step::VisitAssigned), (1, Step::PaymentCanceled), (2, Step::VisitCanceled)] {
        for number in [1, 2, 3] {
            let (attempt, step) = (attempt(2, 10), Some(step).filter(|_| number == 2));
            let established = Established { attempt: attempt.clone(), step: step.unwrap_or(Step::MatchRequested) };
            let expected = [
                (Match::Pending(attempt.clone(), step), None),
                (Match::Compensating(attempt.clone()), None),
                (Match::Established(established.clone()), Some(&established)),
                (Match::Void(attempt.clone()), None),
            ];
            for (mut state, (expected, visible)) in states(&attempt).into_iter().zip(expected) {
                assert_eq!(react(&mut state, &reported(number, kind), NOW), None);
                assert_eq!((state.established(), &state), (visible, &expected));
            }
        }
    }
}

#[test]
fn equal_offers_have_one_content_and_belong_to_their_students() {
    let offers = [("kim", 10), ("lee", 10), ("kim", 11)];
    let offers = offers.map(|(name, price)| Offer { price: Price::new(price).unwrap(), student: Some(student(name)) });
    assert_eq!(offers.each_ref().map(events::Offer::content), ["10", "10", "11"]);
    assert_eq!(offers.each_ref().map(|offer| offer.owner().unwrap().as_str()), ["kim", "lee", "kim"]);
}

fn name() -> impl Strategy<Value = Option<Subject>> {
    proptest::option::of(prop_oneof![Just("kim"), Just("lee")].prop_map(student))
}

proptest! {
    #[test]
    fn a_request_meets_what_its_student_has_asked_for_and_of_all_else_it_learns_that_the_id_is_taken(
        his in name(), principal in name(), price in 1..3_i64, offered in 1..3_i64,
    ) {
        let attempt = MatchAttempt { student: his.clone(), ..attempt(1, price) };
        for state in states(&attempt) {
            let requested = ask_as(principal.clone(), Some(&state), offered);
            let may_know = principal.is_none() || his == principal;
            match (&state, may_know) {
                // The next attempt is for whoever asks now.
                (Match::Void(_), _) => {
                    let Decision::Begin(next) = requested else { panic!("{requested:?}") };
                    prop_assert_eq!((next.number, next.price.get(), next.student), (1_000, offered, principal.clone()));
                }
                (_, false) => prop_assert_eq!(requested, Decision::Taken),
                (Match::Established(known), true) if offered == price => {
                    prop_assert_eq!(requested, Decision::Known(known.clone()));
                }
                (Match::Established(_), true) => prop_assert_eq!(requested, Decision::Different),
                (Match::Pending(..) | Match::Compensating(_), true) => prop_assert_eq!(requested, Decision::InProgress),
            }
        }
    }

    #[test]
    fn the_match_ends_in_one_state_whatever_the_order_and_repetition_of_what_it_learns(
        news in proptest::collection::vec((1..4_i64, 0..3_usize), 0..20).prop_shuffle(),
        repeated in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let apply = |mut state: Match, news: &mut dyn Iterator<Item = (i64, usize)>| {
            news.for_each(|(attempt, kind)| assert_eq!(react(&mut state, &reported(attempt, kind), NOW), None));
            state
        };
        let mut sorted = news.clone();
        sorted.sort_unstable();
        let established = Match::Established(Established::from(attempt(2, 10)));
        for state in [established, Match::Pending(attempt(2, 10), None)] {
            let again = repeated.iter().filter(|_| !news.is_empty()).map(|index| *index.get(&news));
            let one = apply(state.clone(), &mut news.iter().copied().chain(again));
            prop_assert_eq!(one, apply(state, &mut sorted.iter().copied()));
        }
    }
}
