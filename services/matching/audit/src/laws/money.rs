//! No unpaid match, no paid nothing.

use match_contract::Step;

use crate::picture::Case;

/// Approved payments and established matches that are not cancelled are the same, at the same attempt and price.
pub(super) fn paid(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    match (case.standing(), case.approved()) {
        (None, None) => return false,
        (Some(found), None) => {
            let state = case.payment.map_or("not there", |payment| payment.state.as_str());
            wrong.push(format!("it is established at {}, but its payment is {state}", found.price));
        }
        (None, Some(payment)) => {
            let state = case.row.map_or("not there", |row| if row.is_canceled() { "cancelled" } else { &row.phase });
            wrong.push(format!("{} is paid, but the match is {state}", payment.price));
        }
        (Some(found), Some(payment)) => {
            let (match_, paid) = ((found.attempt, found.price), (payment.attempt, payment.price));
            if match_ != paid {
                wrong.push(format!("attempt and price of the match are {match_:?}, those of its payment {paid:?}"));
            }
        }
    }
    true
}

/// What the topic says was taken and not given back, what the store says is taken, and what the match is worth are the
/// same. If they are for each match, they are in sum.
pub(super) fn taken(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let sum = |step| case.each(step).filter_map(|said| said.fact.price).sum::<i64>();
    let topic = sum(Step::PaymentApproved) - sum(Step::PaymentCanceled);
    let store = case.approved().map_or(0, |payment| payment.price);
    let worth = case.standing().map_or(0, |found| found.price);
    if topic != store || store != worth {
        wrong.push(format!("taken is {topic} by the topic and {store} by the store; the match is worth {worth}"));
    }
    case.row.is_some() || case.payment.is_some() || case.each(Step::PaymentApproved).next().is_some()
}

/// Nothing is under way any more.
pub(super) fn decided(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    if let Some(row) = case.row.filter(|row| row.phase != "established" && row.phase != "void") {
        wrong.push(format!("the match is {}", row.phase));
    }
    for due in case.refunds {
        wrong.push(format!("{} of attempt {} is not given back yet", due.price, due.attempt));
    }
    case.row.is_some() || !case.refunds.is_empty()
}
