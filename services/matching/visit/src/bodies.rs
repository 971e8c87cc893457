//! What requests and answers carry.

use chassis::body::MAX_EXACT;
use chassis::openapi::{number_or_digits, text_like};
use chassis::page::{Link, Listed, Page};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::KnownFormat;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaFormat};
use visit_domain::Case;

use crate::http::LONGEST_NAME;

/// Which request a tutor takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document: handlers read one field after the other")]
#[schema(example = json!({ "matchId": 5000, "teacher": "TEACHER", "visitDate": "2021-01-21" }))]
pub(crate) struct VisitRequest {
    #[schema(rename = "matchId", schema_with = match_id)]
    match_id: i64,
    #[schema(schema_with = teacher)]
    teacher: String,
    #[schema(rename = "visitDate", schema_with = visit_date)]
    visit_date: String,
}

fn match_id() -> OneOfBuilder {
    number_or_digits("The match.", MAX_EXACT)
}

fn teacher() -> ObjectBuilder {
    text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", LONGEST_NAME)
        .description(Some("The tutor's name, as the student reads it: more than spaces."))
}

/// All four forms, as `VisitDate` reads them. Of the short ones the pattern leaves out the 29th of February.
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

/// An open request: paid, not assigned, not cancelled. Who wants it posts a visit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 5000, "matchId": 5000, "price": 50000,
    "_links": { "self": { "href": "/visitReqLists" }, "assign": { "href": "/visits" } },
}))]
pub(crate) struct OpenRequest {
    /// The match.
    #[schema(minimum = 1)]
    id: i64,
    /// The match.
    #[schema(minimum = 1)]
    match_id: i64,
    /// What the student has paid.
    #[schema(minimum = 1)]
    price: i64,
    #[serde(rename = "_links")]
    links: OpenRequestLinks,
}

#[derive(Debug, Serialize, ToSchema)]
struct OpenRequestLinks {
    /// The list.
    #[serde(rename = "self")]
    this: Link,
    /// Where a visit is posted.
    assign: Link,
}

impl OpenRequest {
    /// The request of this case, if it is paid.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let links = OpenRequestLinks { this: Link::to("/visitReqLists"), assign: Link::to("/visits") };
        Some(Self { id: case.match_id, match_id: case.match_id, price: case.paid?.price, links })
    }
}

/// A visit that a tutor has confirmed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 5000, "matchId": 5000, "teacher": "TEACHER", "visitDate": "2021-01-21", "status": "visitAssigned",
    "_links": { "self": { "href": "/visits/5000" } },
}))]
pub(crate) struct Visit {
    /// The match.
    #[schema(minimum = 1)]
    id: i64,
    /// The match.
    #[schema(minimum = 1)]
    match_id: i64,
    /// The tutor's name.
    teacher: String,
    /// The day.
    #[schema(format = Date)]
    #[serde(rename = "visitDate")]
    date: String,
    status: VisitStatus,
    #[serde(rename = "_links")]
    links: VisitLinks,
}

/// Whether the tutor comes.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum VisitStatus {
    /// He does.
    VisitAssigned,
    /// He does not: the match is cancelled.
    VisitCanceled,
}

#[derive(Debug, Serialize, ToSchema)]
struct VisitLinks {
    /// The visit.
    #[serde(rename = "self")]
    this: Link,
}

/// Where the visit of a match is.
pub(crate) fn path(match_id: i64) -> String {
    format!("/visits/{match_id}")
}

impl Visit {
    /// The visit of this case, if it has one.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let visit = case.visit.as_ref()?;
        let status = if case.canceled { VisitStatus::VisitCanceled } else { VisitStatus::VisitAssigned };
        Some(Self::new(case.match_id, visit.teacher.clone(), visit.date.to_string(), status))
    }

    pub(crate) fn new(match_id: i64, teacher: String, date: String, status: VisitStatus) -> Self {
        let links = VisitLinks { this: Link::to(path(match_id)) };
        Self { id: match_id, match_id, teacher, date, status, links }
    }
}

pub(crate) type OpenRequestList = Page<OpenRequest>;
pub(crate) type VisitList = Page<Visit>;

impl Listed for OpenRequest {
    const PATH: &'static str = "/visitReqLists";
    const REL: &'static str = "visitReqLists";
}

impl Listed for Visit {
    const PATH: &'static str = "/visits";
    const REL: &'static str = "visits";
}
