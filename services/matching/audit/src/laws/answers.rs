//! What clients were told is true.

use match_contract::Step;

use crate::picture::Case;
use crate::{Asked, MatchRow};

/// Whoever was told that there is a match has one, at the price that was offered, and it is paid or was cancelled.
pub(super) fn kept(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let mut told = case.told.iter().filter(|told| told.is_established()).peekable();
    if told.peek().is_none() {
        return false;
    }
    let Some(found) = case.established() else {
        wrong.push("a client was told that it is established, but it is not".to_owned());
        return true;
    };
    if let Some(price) = told.filter_map(|told| told.price).find(|price| *price != found.price) {
        wrong.push(format!("a client was told that it is established at {price}, but it is at {}", found.price));
    }
    let same = case.payment.filter(|payment| (payment.attempt, payment.price) == (found.attempt, found.price));
    let undone = found.is_canceled();
    if !same.is_some_and(|payment| if undone { payment.is_canceled() } else { payment.is_approved() }) {
        let expected = if undone { "cancelled" } else { "approved" };
        wrong.push(format!("its payment of {} at attempt {} is not {expected}", found.price, found.attempt));
    }
    true
}

/// Whoever was refused by all answers, each of which says how it ended, has no match and has paid nothing.
pub(super) fn refused(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let mut requests = case.told.iter().filter(|told| told.what == Asked::Request).peekable();
    if requests.peek().is_none() || requests.any(|told| told.is_established() || told.is_unknown()) {
        return false;
    }
    if case.established().is_some() {
        wrong.push("every request was refused, but the match is established".to_owned());
    }
    if case.approved().is_some() {
        wrong.push("every request was refused, but it is paid".to_owned());
    }
    true
}

/// Whoever was told that a match is cancelled finds it cancelled.
pub(super) fn canceled(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let told = case.told.iter().any(|told| told.what == Asked::Cancel && told.status == Some(200));
    if told && !case.row.is_some_and(MatchRow::is_canceled) {
        wrong.push("a client was told that it is cancelled, but it is not".to_owned());
    }
    told
}

/// Each tutor who was told to come is the one of an assignment.
pub(super) fn assigned(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let told = case.told.iter().filter(|told| told.what == Asked::Assign && told.status == Some(201)).count();
    let said = case.each(Step::VisitAssigned).count();
    if told > said {
        wrong.push(format!("{told} tutors were told that the visit is theirs, but it was assigned {said} times"));
    }
    told > 0
}
