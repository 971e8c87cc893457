//! The page of a match, without anything around it.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use ambient::Timestamp;
use context::Position;
use events::{Projection as _, apply};
use match_contract::{MatchCanceled, MatchRequested, Step};
use mypage_service::{MyPage, PageEvent};
use payment_contract::{PaymentApproved, PaymentCanceled};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use visit_contract::{VisitAssigned, VisitCanceled};

const ID: i64 = 5000;

/// An event, and its time.
type Timed = (PageEvent, Timestamp);

/// Each attempt has a student of its own.
fn student_of(attempt: i64) -> String {
    format!("student {attempt}")
}

/// All events of one attempt, in the order of the steps.
fn story(attempt: i64) -> [Timed; 6] {
    let at = |step: i64| Timestamp::from_micros(attempt * 10 + step);
    let (match_id, price) = (ID, 10);
    let student = Some(student_of(attempt));
    let assigned =
        VisitAssigned { match_id, attempt, teacher: "T".into(), visit_date: "2021-01-21".into(), tutor: None };
    [
        (PageEvent::MatchRequested(MatchRequested { id: ID, attempt, price, student }), at(0)),
        (PageEvent::PaymentApproved(PaymentApproved { match_id, attempt, price }), at(1)),
        (PageEvent::VisitAssigned(assigned), at(2)),
        (PageEvent::MatchCanceled(MatchCanceled { id: ID, attempt }), at(3)),
        (PageEvent::PaymentCanceled(PaymentCanceled { match_id, attempt, price }), at(4)),
        (PageEvent::VisitCanceled(VisitCanceled { match_id, attempt }), at(5)),
    ]
}

fn page<'a>(events: impl IntoIterator<Item = &'a Timed>) -> MyPage {
    let mut page = MyPage::begin(ID, 0);
    for (event, at) in events {
        assert_eq!(apply(&mut page, event, *at), []);
    }
    page
}

/// Without the order in which the steps became known.
fn unordered(page: MyPage) -> MyPage {
    MyPage { step_order: String::new(), ..page }
}

fn status(page: &MyPage) -> Option<Step> {
    page.steps().last().map(|(step, _)| step)
}

#[test]
fn the_status_is_the_furthest_step_that_is_known() {
    let story = story(1);
    for (known, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(status(&page(&story[..=known])), Some(step));
    }
    assert_eq!(status(&page([&story[3], &story[0]])), Some(Step::MatchCanceled));
    assert_eq!(status(&page([])), None);
}

#[test]
fn a_later_attempt_begins_a_page_of_its_own() {
    let (earlier, later) = (story(1), story(2));
    let page = page(earlier.iter().chain(&later[..1]).chain(&earlier));
    assert_eq!((status(&page), page.teacher), (Some(Step::MatchRequested), None));
    assert_eq!(page.student, Some(student_of(2)));
}

#[test]
fn a_page_has_no_owner_until_it_is_known_and_a_later_attempt_begins_without_one() {
    let (earlier, later) = (story(1), story(2));
    assert_eq!(page(&earlier[1..]).student, None);
    assert_eq!(page([&earlier[1], &earlier[0]]).student, Some(student_of(1)));
    assert_eq!(page(earlier.iter().chain(&later[1..])).student, None);
    let open = PageEvent::MatchRequested(MatchRequested { id: ID, attempt: 1, price: 10, student: None });
    assert_eq!(page([&(open, Timestamp::from_micros(1))]).student, None);
}

fn known(page: &MyPage) -> Vec<(i64, Step)> {
    page.steps().map(|(step, at)| (at.as_micros() / 10, step)).collect()
}

/// A client that follows the page, with the attempts and steps that it has received. It reconnects with the id of the
/// last message.
#[derive(Default)]
struct Follower {
    last: Option<String>,
    received: Vec<(i64, Step)>,
}

impl Follower {
    fn read(&mut self, page: &MyPage, most: usize) {
        let last = self.last.as_deref().map_or_else(Position::default, |id| id.parse().unwrap());
        for (position, step) in page.log().after(last).into_iter().take(most) {
            self.received.push((page.attempt, Step::ALL[step]));
            self.last = Some(position.to_string());
        }
    }
}

/// Batches of all events of two attempts in any order, some of them repeated. After each batch a follower reads so many
/// messages and reconnects.
fn deliveries() -> impl Strategy<Value = Vec<(Vec<Timed>, usize)>> {
    let events = vec(any::<Index>(), 0..6).prop_flat_map(|repeated| {
        let all = [story(1), story(2)].concat();
        let again = repeated.iter().map(|index| index.get(&all).clone()).collect();
        Just([all, again].concat()).prop_shuffle()
    });
    (events, vec((1..5_usize, 0..4_usize), 18)).prop_map(|(mut events, sizes)| {
        let cut = |(size, reads): (usize, usize)| (events.drain(..size.min(events.len())).collect(), reads);
        sizes.into_iter().map(cut).collect()
    })
}

#[test]
fn a_step_that_becomes_known_after_a_further_one_is_sent_after_it() {
    let story = story(1);
    let (mut page, mut follower) = (MyPage::begin(ID, 0), Follower::default());
    for place in [1, 0, 2, 3, 5, 4] {
        apply(&mut page, &story[place].0, story[place].1);
        follower.read(&page, 1);
        assert_eq!(follower.received.last(), Some(&(1, Step::ALL[place])));
    }
    follower.read(&page, 6);
    assert_eq!(follower.received.len(), 6);
    let mut late = Follower::default();
    late.read(&page, 6);
    assert_eq!(late.received, follower.received, "a late client receives the same in the same order");
}

proptest! {
    #[test]
    fn the_page_is_one_whatever_the_order_and_repetition_of_its_events(
        shuffled in Just([story(1), story(2)].concat()).prop_shuffle(),
        repeated in vec(any::<Index>(), 0..12),
    ) {
        let in_order = [story(1), story(2)].concat();
        let again: Vec<&Timed> = repeated.iter().map(|index| index.get(&in_order)).collect();
        let page_then = page(shuffled.iter().chain(again));
        prop_assert_eq!(page_then.student.clone(), Some(student_of(2)));
        prop_assert_eq!(unordered(page_then), unordered(page(&in_order)));
    }

    #[test]
    fn a_follower_that_is_never_late_receives_each_change_of_the_page_as_it_happens(deliveries in deliveries()) {
        let (mut page, mut follower, mut changes) = (MyPage::begin(ID, 0), Follower::default(), Vec::new());
        for (event, at) in deliveries.into_iter().flat_map(|(batch, _)| batch) {
            let before = known(&page);
            apply(&mut page, &event, at);
            changes.extend(known(&page).into_iter().filter(|step| !before.contains(step)));
            follower.read(&page, usize::MAX);
            prop_assert_eq!(&follower.received, &changes);
        }
    }

    #[test]
    fn a_follower_receives_each_step_once_however_often_it_reconnects_and_the_page_is_rebuilt(
        rebuilt in vec((deliveries(), any::<Index>()), 0..3),
        last in deliveries(),
    ) {
        let mut follower = Follower::default();
        let cut_short = rebuilt.into_iter().map(|(mut deliveries, end)| {
            deliveries.truncate(end.index(deliveries.len()));
            deliveries
        });
        let mut page = MyPage::begin(ID, 0);
        for deliveries in cut_short.chain([last]) {
            page = MyPage::begin(ID, 0);
            for (batch, reads) in deliveries {
                for (event, at) in &batch {
                    apply(&mut page, event, *at);
                }
                follower.read(&page, reads);
            }
        }
        follower.read(&page, usize::MAX);
        let received = |attempt| {
            let of_attempt = follower.received.iter().filter(|received| received.0 == attempt);
            let mut steps: Vec<Step> = of_attempt.map(|received| received.1).collect();
            steps.sort_unstable();
            steps
        };
        prop_assert!(follower.received.is_sorted_by_key(|received| received.0), "{:?}", follower.received);
        prop_assert_eq!(received(2), Step::ALL);
        prop_assert!(received(1).is_sorted_by(|one, next| one < next), "{:?}", follower.received);
    }
}
