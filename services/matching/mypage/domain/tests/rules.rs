//! The page of a match, without anything around it.

use ambient::Timestamp;
use match_contract::{MatchCanceled, MatchEvent, MatchRequested, Step};
use mypage_domain::{MyPage, News};
use payment_contract::{PaymentApproved, PaymentCanceled, PaymentEvent};
use proptest::prelude::*;
use visit_contract::{VisitAssigned, VisitCanceled, VisitEvent};

const ID: i64 = 5000;

/// Each attempt has a student of its own.
fn student_of(attempt: i64) -> String {
    format!("student {attempt}")
}

/// The whole story of one attempt, in the order of the steps.
fn story(attempt: i64) -> [News; 6] {
    let at = |step: i64| Timestamp::from_micros(attempt * 10 + step);
    let (match_id, price) = (ID, 10);
    let student = Some(student_of(attempt));
    let assigned = VisitAssigned { match_id, attempt, teacher: "T".into(), visit_date: "2021-01-21".into() };
    [
        News::Match(MatchEvent::MatchRequested(MatchRequested { id: ID, attempt, price, student }), at(0)),
        News::Payment(PaymentEvent::PaymentApproved(PaymentApproved { match_id, attempt, price }), at(1)),
        News::Visit(VisitEvent::VisitAssigned(assigned), at(2)),
        News::Match(MatchEvent::MatchCanceled(MatchCanceled { id: ID, attempt }), at(3)),
        News::Payment(PaymentEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price }), at(4)),
        News::Visit(VisitEvent::VisitCanceled(VisitCanceled { match_id, attempt }), at(5)),
    ]
}

fn page<'a>(news: impl IntoIterator<Item = &'a News>) -> MyPage {
    let mut page = MyPage::unknown(ID);
    news.into_iter().for_each(|news| page.learn(news));
    page
}

#[test]
fn the_status_is_the_furthest_step_that_is_known() {
    let story = story(1);
    for (known, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(page(&story[..=known]).status(), Some(step));
    }
    assert_eq!(page([&story[3], &story[0]]).status(), Some(Step::MatchCanceled));
    assert_eq!(page([]).status(), None);
}

#[test]
fn a_later_attempt_begins_a_page_of_its_own() {
    let (earlier, later) = (story(1), story(2));
    let page = page(earlier.iter().chain(&later[..1]).chain(&earlier));
    assert_eq!((page.status(), page.teacher), (Some(Step::MatchRequested), None));
    assert_eq!(page.student, Some(student_of(2)));
}

#[test]
fn a_page_is_nobodys_until_it_is_known_whose_and_a_later_attempt_of_which_that_is_not_known_is_nobodys_again() {
    let (earlier, later) = (story(1), story(2));
    assert_eq!(page(&earlier[1..]).student, None);
    assert_eq!(page([&earlier[1], &earlier[0]]).student, Some(student_of(1)));
    assert_eq!(page(earlier.iter().chain(&later[1..])).student, None);
    let open = MatchEvent::MatchRequested(MatchRequested { id: ID, attempt: 1, price: 10, student: None });
    assert_eq!(page([&News::Match(open, Timestamp::from_micros(1))]).student, None);
}

proptest! {
    #[test]
    fn the_page_is_one_whatever_the_order_and_repetition_of_the_news(
        shuffled in Just([story(1), story(2)].concat()).prop_shuffle(),
        repeated in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let in_order = [story(1), story(2)].concat();
        let again: Vec<&News> = repeated.iter().map(|index| index.get(&in_order)).collect();
        let page_then = page(shuffled.iter().chain(again));
        prop_assert_eq!(page_then.student.clone(), Some(student_of(2)));
        prop_assert_eq!(page_then, page(&in_order));
    }
}
