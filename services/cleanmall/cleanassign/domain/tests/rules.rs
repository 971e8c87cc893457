//! The rules of assignments, without anything around them.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeSet;

use ambient::Timestamp;
use cleanassign_domain::{Assignee, Assignment, Busy, Cleaner, Managed, Match, Name, NotAssigned, State, dispatch};
use cleanmanage_contract::{CleanManageCanceled, CleanManaged};
use proptest::prelude::*;

const PLACES: [Option<&str>; 3] = [Some("seoul"), Some("busan"), None];

fn at(time: i64) -> Timestamp {
    Timestamp::from_micros(time)
}

fn managed(attempt: i64) -> Managed {
    Managed::CleanManaged(CleanManaged { call_id: 5, attempt, location: Some("seoul".to_owned()) })
}

fn canceled(attempt: i64) -> Managed {
    Managed::CleanManageCanceled(CleanManageCanceled { call_id: 5, attempt })
}

fn assignee(id: i64) -> Assignee {
    Assignee { id, name: Name::new("Kim").unwrap() }
}

fn waiting(call_id: i64, since: i64, location: Option<&str>) -> Assignment {
    let location = location.map(str::to_owned);
    Assignment { call_id, attempt: 1, location, since: at(since), state: State::Waiting }
}

fn cleaner(id: i64, idle_since: i64, location: Option<&str>, call_id: Option<i64>) -> Cleaner {
    let (name, location) = (Name::new("Kim").unwrap(), location.map(str::to_owned));
    Cleaner { id, name, location, idle_since: at(idle_since), call_id }
}

#[test]
fn the_call_that_waits_for_longest_gets_the_cleaner_of_its_place_who_is_idle_for_longest() {
    let calls = [waiting(1, 20, Some("seoul")), waiting(2, 10, Some("seoul")), waiting(3, 30, Some("busan"))];
    let cleaners =
        [cleaner(1, 9, Some("seoul"), None), cleaner(2, 5, None, None), cleaner(3, 1, Some("seoul"), Some(9))];
    let matches = dispatch(&calls, &cleaners);
    assert_eq!(matches, [Match { call_id: 2, cleaner_id: 2 }, Match { call_id: 1, cleaner_id: 1 }]);
}

#[test]
fn a_call_for_whose_place_nobody_is_free_holds_up_no_other() {
    let calls = [waiting(1, 1, Some("jeju")), waiting(2, 2, None)];
    let cleaners = [cleaner(1, 1, Some("seoul"), None)];
    assert_eq!(dispatch(&calls, &cleaners), [Match { call_id: 2, cleaner_id: 1 }]);
}

#[test]
fn a_call_that_was_cancelled_before_it_arrived_is_never_assigned() {
    let mut call = Assignment::none(5);
    assert_eq!((call.apply(&canceled(7), at(1)), call.apply(&managed(7), at(2))), (None, None));
    assert_eq!((call.assign(assignee(1)), call.finish()), (None, Err(NotAssigned)));
}

#[test]
fn the_cancellation_of_an_assignment_names_its_cleaner_and_a_finished_one_stays() {
    let mut call = Assignment::none(5);
    call.apply(&managed(7), at(1));
    assert_eq!(call.assign(assignee(3)).unwrap().cleaner_id, 3);
    assert_eq!(call.assign(assignee(4)), None);
    let ended = call.apply(&canceled(7), at(2)).unwrap();
    assert_eq!((ended.cleaner_id, ended.attempt, call.apply(&canceled(7), at(3))), (3, 7, None));
    assert_eq!(call.finish(), Err(NotAssigned));
    let mut call = Assignment::none(5);
    call.apply(&managed(7), at(1));
    call.assign(assignee(3));
    assert!(call.finish().unwrap().is_some() && call.finish().unwrap().is_none());
    assert_eq!((call.apply(&canceled(7), at(3)), call.state), (None, State::Finished(assignee(3))));
}

#[test]
fn a_later_attempt_cancels_the_assignment_of_an_earlier_one() {
    let mut call = Assignment::none(5);
    call.apply(&managed(7), at(1));
    call.assign(assignee(3));
    assert_eq!(call.apply(&managed(8), at(2)).unwrap().attempt, 7);
    assert_eq!(call.apply(&canceled(7), at(3)), None);
    assert_eq!((call.attempt, call.state), (8, State::Waiting));
}

#[test]
fn a_busy_cleaner_is_not_removed_and_a_name_is_more_than_blanks() {
    assert_eq!(cleaner(1, 1, None, Some(9)).check_removable(), Err(Busy(9)));
    assert_eq!(cleaner(1, 1, None, None).check_removable(), Ok(()));
    assert!(Name::new(" \n").is_err() && Name::new("").is_err() && Name::new("x".repeat(101)).is_err());
}

proptest! {
    #[test]
    fn every_order_and_repetition_of_the_events_of_the_management_leads_to_one_state(
        order in proptest::collection::vec((any::<bool>(), 1..4_i64), 0..12),
    ) {
        let apply = |order: &[(bool, i64)]| {
            let mut call = Assignment::none(5);
            for (is_accepted, attempt) in order {
                call.apply(&if *is_accepted { managed(*attempt) } else { canceled(*attempt) }, at(*attempt));
            }
            (call.attempt, call.state)
        };
        let once = apply(&order);
        let mut turned = order.clone();
        turned.reverse();
        prop_assert_eq!(&apply(&turned), &once);
        prop_assert_eq!(&apply(&[order.clone(), order.clone()].concat()), &once);
        let latest = order.iter().map(|(_, attempt)| *attempt).max().unwrap_or(0);
        let is_open = latest > 0 && !order.contains(&(false, latest));
        prop_assert_eq!(once, (latest, if is_open { State::Waiting } else { State::Canceled(None) }));
    }

    #[test]
    fn nobody_who_could_go_stays_idle_while_a_call_of_their_place_waits_and_the_oldest_goes_first(
        calls in proptest::collection::vec((0..50_i64, 0..3_usize), 0..12),
        cleaners in proptest::collection::vec((0..50_i64, 0..3_usize, any::<bool>()), 0..8),
    ) {
        let calls: Vec<Assignment> =
            (1..).zip(&calls).map(|(id, (since, place))| waiting(id, *since, PLACES[*place])).collect();
        let cleaners: Vec<Cleaner> = (1..)
            .zip(&cleaners)
            .map(|(id, (idle, place, is_busy))| cleaner(id, *idle, PLACES[*place], is_busy.then_some(100 + id)))
            .collect();
        let matches = dispatch(&calls, &cleaners);
        let served: BTreeSet<i64> = matches.iter().map(|found| found.call_id).collect();
        let busy: BTreeSet<i64> = matches.iter().map(|found| found.cleaner_id).collect();
        prop_assert_eq!((served.len(), busy.len()), (matches.len(), matches.len()));
        let call_of = |id: i64| calls.iter().find(|call| call.call_id == id).unwrap();
        let cleaner_of = |id: i64| cleaners.iter().find(|cleaner| cleaner.id == id).unwrap();
        for found in &matches {
            let (call, cleaner) = (call_of(found.call_id), cleaner_of(found.cleaner_id));
            prop_assert!(cleaner.is_free() && cleaner.serves(call.location.as_deref()));
        }
        for call in calls.iter().filter(|call| !served.contains(&call.call_id)) {
            let idle = cleaners.iter().filter(|cleaner| cleaner.is_free() && !busy.contains(&cleaner.id));
            prop_assert!(!idle.into_iter().any(|cleaner| cleaner.serves(call.location.as_deref())));
            // An older call of the same place is never overtaken.
            for other in matches.iter().map(|found| call_of(found.call_id)) {
                let is_younger = (other.since, other.call_id) > (call.since, call.call_id);
                prop_assert!(!(is_younger && other.location == call.location));
            }
        }
    }
}
