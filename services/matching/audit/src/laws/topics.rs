//! Exactly the events that the state implies, each once and in its order.

use std::collections::BTreeSet;

use match_contract::Step;

use crate::picture::Case;
use crate::said::Fact;

/// Every event can be read, and is said by the right context about the right match.
pub(super) fn readable(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    wrong.extend(case.unreadable.iter().cloned());
    !case.said.is_empty() || !case.unreadable.is_empty()
}

/// An established match was requested once, and cancelled once if it is; whatever else was tried is not spoken of.
pub(super) fn of_match(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let mut implied = Vec::new();
    if let Some(found) = case.established() {
        implied.push(Fact::requested(found.attempt, found.price, found.student.clone()));
        if found.is_canceled() {
            implied.push(Fact::new(found.attempt, Step::MatchCanceled));
        }
    }
    compare(case, "match", implied, wrong) || case.row.is_some()
}

/// What is approved was approved once, what is cancelled was approved and cancelled once; all earlier attempts are undone.
pub(super) fn of_payment(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let latest = case.payment.map_or(0, |payment| payment.attempt);
    let mut implied = Vec::new();
    for (attempt, price) in earlier(case, "payment", latest) {
        let price = price.unwrap_or_default();
        implied.push(Fact::priced(attempt, Step::PaymentApproved, price));
        implied.push(Fact::priced(attempt, Step::PaymentCanceled, price));
    }
    if let Some(payment) = case.payment.filter(|payment| payment.is_approved() || payment.is_canceled()) {
        implied.push(Fact::priced(latest, Step::PaymentApproved, payment.price));
        if payment.is_canceled() {
            implied.push(Fact::priced(latest, Step::PaymentCanceled, payment.price));
        }
    }
    compare(case, "payment", implied, wrong) || case.payment.is_some()
}

/// Who comes was assigned once, who was to come and does not was assigned and cancelled once; earlier attempts likewise.
pub(super) fn of_visit(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let latest = case.visit.map_or(0, |visit| visit.attempt);
    let mut implied = Vec::new();
    for (attempt, _) in earlier(case, "visit", latest) {
        let assigned = case.each(Step::VisitAssigned).find(|said| said.fact.attempt == attempt);
        implied.push(assigned.map_or_else(|| Fact::new(attempt, Step::VisitAssigned), |said| said.fact.clone()));
        implied.push(Fact::new(attempt, Step::VisitCanceled));
    }
    if let Some(visit) = case.visit
        && let Some(teacher) = &visit.teacher
    {
        implied.push(Fact::assigned(latest, teacher.clone(), visit.visit_date.clone().unwrap_or_default()));
        if visit.canceled != 0 {
            implied.push(Fact::new(latest, Step::VisitCanceled));
        }
    }
    compare(case, "visit", implied, wrong) || case.visit.is_some()
}

/// The attempts before the latest that a context has spoken of, each with a price that it named.
fn earlier(case: &Case<'_>, context: &str, latest: i64) -> BTreeSet<(i64, Option<i64>)> {
    let mut seen = BTreeSet::new();
    let facts = case.said_by(context).map(|said| &said.fact);
    let past = facts.filter(|fact| fact.attempt < latest && seen.insert(fact.attempt));
    past.map(|fact| (fact.attempt, fact.price)).collect()
}

/// Adds what is implied and not said, and what is said and not implied. Tells whether there is either.
fn compare(case: &Case<'_>, context: &str, implied: Vec<Fact>, wrong: &mut Vec<String>) -> bool {
    let mut said: Vec<&Fact> = case.said_by(context).map(|said| &said.fact).collect();
    let spoken = !said.is_empty() || !implied.is_empty();
    for fact in implied {
        match said.iter().position(|said| **said == fact) {
            Some(place) => drop(said.swap_remove(place)),
            None => wrong.push(format!("{context} has not said: {fact}")),
        }
    }
    said.sort();
    wrong.extend(said.into_iter().map(|fact| format!("{context} has said, without a state behind it: {fact}")));
    spoken
}

/// Attempt by attempt and step by step, in every topic.
pub(super) fn in_order(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    for context in ["match", "payment", "visit"] {
        let facts: Vec<&Fact> = case.said_by(context).map(|said| &said.fact).collect();
        for pair in facts.windows(2).filter(|pair| (pair[0].attempt, pair[0].step) >= (pair[1].attempt, pair[1].step)) {
            wrong.push(format!("in the topic of {context} comes {} after {}", pair[1], pair[0]));
        }
    }
    !case.said.is_empty()
}
