//! The command: a tutor accepts a visit request.

use axum::extract::State;
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, text_like};
use chassis::problem::Problem;
use chassis::trace::{Trace, correlate};
use context::{Repository, created, created_or, store_problem};
use events::{Projection as _, TraceContext};
use store::sqlx;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat};
use visit_contract::VisitEvent;
use visit_domain::{Case, Refusal, Visit, WrongDate};

use crate::case_row::CaseRow;
use crate::documents;

/// Sees the open requests, accepts one, and sees its own visits.
pub(crate) const TUTOR: &str = "tutor";

/// The histogram of the time between payment and assignment.
pub(crate) const LEAD_TIME: &str = "paid_to_assigned_lead_seconds";

/// The maximum length of a tutor's name in characters.
const MAX_NAME: usize = 200;

/// The length of the longest form of a date.
const MAX_DATE: usize = 10;

/// Handles `POST /visits`.
pub(crate) async fn assign(
    State(cases): State<Repository<CaseRow>>,
    principal: Principal,
    Trace(trace): Trace,
    fields: Fields,
) -> Result<Response, Problem> {
    let tutor = principal.require_subject(TUTOR)?;
    let match_id = required(fields.whole_number("matchId", 1..=MAX_EXACT)?, "matchId")?;
    correlate(match_id);
    let teacher = required(fields.text("teacher", MAX_NAME)?.filter(|name| !name.trim().is_empty()), "teacher")?;
    let date = required(fields.text("visitDate", MAX_DATE)?, "visitDate")?.parse().map_err(wrong_date)?;
    let visit = Visit { tutor, teacher: teacher.to_owned(), date };
    let assigned = assign_visit(&cases, match_id, visit, trace).await.map_err(store_problem)?;
    created::<documents::Visit>(&assigned.map_err(refused)?)
}

/// Assigns a visit under the lock of its case, and publishes the event.
pub async fn assign_visit(
    cases: &Repository<CaseRow>,
    match_id: i64,
    visit: Visit,
    trace: TraceContext,
) -> Result<Result<Case, Refusal>, sqlx::Error> {
    let assign = |case: Option<Case>| {
        let mut case = case.unwrap_or_else(|| Case::begin(match_id, 0));
        let event = case.assign(visit)?;
        Ok((case, VisitEvent::from(event)))
    };
    let assigned = cases.change(&match_id, trace, assign).await?;
    if let Ok(Case { paid: Some(paid), .. }) = &assigned {
        metrics::histogram!(LEAD_TIME).record(cases.now().since(paid.since));
    }
    Ok(assigned)
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NeverPaid => Problem::not_found(refusal.to_string()),
        Refusal::Assigned | Refusal::Canceled => Problem::conflict(refusal.to_string()),
    }
}

fn wrong_date(rule: WrongDate) -> Problem {
    Problem::unprocessable_field("visitDate", rule.to_string())
}

pub(crate) fn responses() -> Responses {
    let refusals = [Refusal::NeverPaid, Refusal::Assigned, Refusal::Canceled].map(refused);
    created_or::<documents::Visit>(refusals.into_iter().chain([wrong_date(WrongDate)]))
}

pub(crate) fn request() -> ObjectBuilder {
    let name = "The tutor's name, for the student: more than spaces.";
    object("The request that a tutor accepts.")
        .property("matchId", number_or_digits("The match.", MAX_EXACT))
        .property("teacher", text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", MAX_NAME).description(Some(name)))
        .property("visitDate", visit_date())
        .examples([serde_json::json!({ "matchId": 5000, "teacher": "TEACHER", "visitDate": "2021-01-21" })])
}

/// All four forms, as `VisitDate` parses them. Of the short ones the pattern leaves out the 29th of February.
fn visit_date() -> OneOfBuilder {
    let written_out = text_like(r"^\d{4}-\d{2}-\d{2}$", 10).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    let short = |year: &str, dash: &str| {
        let long_month = format!("(0[13578]|1[02]){dash}(0[1-9]|[12][0-9]|3[01])");
        let short_month = format!("(0[469]|11){dash}(0[1-9]|[12][0-9]|30)");
        let february = format!("02{dash}(0[1-9]|1[0-9]|2[0-8])");
        text_like(&format!("^{year}{dash}({long_month}|{short_month}|{february})$"), 8)
    };
    let two = "[0-9]{2}";
    let about = "Year, month and day: 2021-01-21, 21/01/21, 210121 or 20210121. Two digits are a year after 2000.";
    OneOfBuilder::new()
        .description(Some(about))
        .item(written_out)
        .item(short(two, "/"))
        .item(short(two, ""))
        .item(short("[0-9]{2}[1-9]{2}", ""))
}
