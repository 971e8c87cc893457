//! The rules of the match, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use match_contract::Step;
use match_domain::{Case, Established, Match, MatchId, Pending, Price, Requested, request};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn case(attempt: i64, price: i64) -> Case {
    Case { id: MatchId::new(5000).unwrap(), attempt, price: Price::new(price).unwrap() }
}

fn ask(known: Option<Match>, price: i64) -> Requested {
    request(known.as_ref(), MatchId::new(5000).unwrap(), Price::new(price).unwrap(), NOW)
}

#[test]
fn a_price_is_a_whole_number_from_one_to_the_largest_that_json_keeps() {
    for wrong in [i64::MIN, -1, 0, 1 << 53, i64::MAX] {
        assert!(Price::new(wrong).is_err(), "{wrong}");
    }
    assert!([1, (1 << 53) - 1].into_iter().all(|right| Price::new(right).is_ok()));
}

#[test]
fn the_first_request_begins_and_the_same_again_finds_the_match() {
    assert_eq!(ask(None, 10), Requested::Begin(case(1_000, 10)));
    let (established, event) = case(1_000, 10).establish();
    assert_eq!((event.id, event.attempt, event.price), (5000, 1_000, 10));
    assert_eq!(ask(Some(Match::Established(established)), 10), Requested::Known(established));
    assert_eq!(ask(Some(Match::Established(established)), 11), Requested::OtherPrice);
}

#[test]
fn while_an_attempt_is_undecided_no_other_begins() {
    assert_eq!(ask(Some(Match::Pending(Pending { case: case(1, 10), heard: None })), 10), Requested::InProgress);
    assert_eq!(ask(Some(Match::Settling(case(1, 10))), 10), Requested::InProgress);
}

#[test]
fn after_a_void_attempt_the_id_is_free_at_any_price_and_attempts_grow_even_if_clocks_do_not() {
    assert_eq!(ask(Some(Match::Void(case(1, 10))), 20), Requested::Begin(case(1_000, 20)));
    assert_eq!(ask(Some(Match::Void(case(9_999, 10))), 20), Requested::Begin(case(10_000, 20)));
}

#[test]
fn cancelling_twice_is_said_once() {
    let (mut established, _) = case(1, 10).establish();
    assert!(established.cancel().is_some());
    assert_eq!(established.cancel(), None);
    assert_eq!(established.step, Step::MatchCanceled);
}

proptest! {
    #[test]
    fn the_match_ends_in_one_state_whatever_the_order_and_repetition_of_what_it_learns(
        news in proptest::collection::vec((1..4_i64, 0..Step::ALL.len()), 0..20).prop_shuffle(),
        repeated in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let learn = |mut state: Match, news: &mut dyn Iterator<Item = (i64, usize)>| {
            news.for_each(|(attempt, step)| state.learn(attempt, Step::ALL[step]));
            state
        };
        let mut sorted = news.clone();
        sorted.sort_unstable();
        let established = Match::Established(Established { case: case(2, 10), step: Step::MatchRequested });
        for state in [established, Match::Pending(Pending { case: case(2, 10), heard: None })] {
            let again = repeated.iter().filter(|_| !news.is_empty()).map(|index| *index.get(&news));
            let one = learn(state, &mut news.iter().copied().chain(again));
            prop_assert_eq!(one, learn(state, &mut sorted.iter().copied()));
        }
    }
}
