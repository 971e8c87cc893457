//! What is shown is what the topics tell, folded from their beginning. The greatest attempt counts.

use match_contract::Step;

use crate::picture::Case;
use crate::said::Said;
use crate::{CaseRow, PageRow};

/// What visit hears from others.
const HEARD_BY_VISIT: [Step; 3] = [Step::PaymentApproved, Step::PaymentCanceled, Step::MatchCanceled];
/// What the status of a match does not show: the match was told when it asked for the payment.
const NOT_IN_STATUS: Step = Step::PaymentApproved;

/// The row of visit, of which the list shows what is open.
pub(super) fn visits(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let folded = fold_visit(case);
    differ("visit keeps", case.visit, folded.as_ref(), wrong)
}

fn fold_visit(case: &Case<'_>) -> Option<CaseRow> {
    let heard = case.said.iter().filter(|said| HEARD_BY_VISIT.contains(&said.fact.step));
    let attempt = heard.map(|said| said.fact.attempt).max()?;
    let (approved, assigned) = (last(case, attempt, Step::PaymentApproved), last(case, attempt, Step::VisitAssigned));
    let canceled = [Step::PaymentCanceled, Step::MatchCanceled].map(|step| last(case, attempt, step));
    let canceled = canceled.iter().any(Option::is_some);
    let visit = assigned.and_then(|said| said.fact.visit.clone());
    Some(CaseRow {
        match_id: case.id,
        attempt,
        price: approved.and_then(|said| said.fact.price),
        paid_since: approved.map(|said| said.at),
        canceled: canceled.into(),
        is_open: (approved.is_some() && !canceled && visit.is_none()).into(),
        teacher: visit.as_ref().map(|(teacher, _)| teacher.clone()),
        visit_date: visit.map(|(_, date)| date),
    })
}

/// The furthest step of an established match.
pub(super) fn status(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let Some(found) = case.established() else { return false };
    let known = case.said.iter().map(|said| &said.fact).filter(|fact| fact.attempt == found.attempt);
    let furthest = known.map(|fact| fact.step).filter(|step| *step != NOT_IN_STATUS).max();
    let expected = furthest.unwrap_or(Step::MatchRequested).name();
    if found.step != expected {
        wrong.push(format!("its status is {}, but the topics say {expected}", found.step));
    }
    true
}

/// The page, with the time of each step.
pub(super) fn page(case: &Case<'_>, wrong: &mut Vec<String>) -> bool {
    let folded = fold_page(case);
    differ("the page is", case.page, folded.as_ref(), wrong)
}

fn fold_page(case: &Case<'_>) -> Option<PageRow> {
    let attempt = case.said.iter().map(|said| said.fact.attempt).max()?;
    let of = |step| last(case, attempt, step);
    let at = |step| of(step).map(|said| said.at);
    let prices = [Step::MatchRequested, Step::PaymentApproved, Step::PaymentCanceled];
    let visit = of(Step::VisitAssigned).and_then(|said| said.fact.visit.clone());
    Some(PageRow {
        id: case.id,
        attempt,
        price: prices.into_iter().filter_map(of).find_map(|said| said.fact.price),
        teacher: visit.as_ref().map(|(teacher, _)| teacher.clone()),
        visit_date: visit.map(|(_, date)| date),
        match_requested_at: at(Step::MatchRequested),
        payment_approved_at: at(Step::PaymentApproved),
        visit_assigned_at: at(Step::VisitAssigned),
        match_canceled_at: at(Step::MatchCanceled),
        payment_canceled_at: at(Step::PaymentCanceled),
        visit_canceled_at: at(Step::VisitCanceled),
        student: of(Step::MatchRequested).and_then(|said| said.fact.student.clone()),
    })
}

/// What was said last of this step of an attempt.
fn last<'c>(case: &'c Case<'_>, attempt: i64, step: Step) -> Option<&'c Said> {
    case.each(step).filter(|said| said.fact.attempt == attempt).last()
}

fn differ<T: PartialEq + std::fmt::Debug>(
    what: &str,
    kept: Option<&T>,
    folded: Option<&T>,
    wrong: &mut Vec<String>,
) -> bool {
    match (kept, folded) {
        (None, None) => return false,
        (Some(kept), None) => wrong.push(format!("{what} {kept:?}, but the topics say nothing")),
        (None, Some(folded)) => wrong.push(format!("{what} nothing, but the topics say {folded:?}")),
        (Some(kept), Some(folded)) if kept != folded => {
            wrong.push(format!("{what} {kept:?}, but the topics say {folded:?}"));
        }
        (Some(_), Some(_)) => {}
    }
    true
}
