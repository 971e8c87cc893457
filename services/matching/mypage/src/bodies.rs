//! What answers carry.

use chassis::openapi::{one_of, or_null};
use chassis::page::{Link, Listed, Page};
use match_contract::Step;
use serde::ser::{Serialize, SerializeMap, Serializer};
use utoipa::ToSchema;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};

/// All that is known of a match. What is not known yet is null.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": 5000, "price": 50000, "status": "visitAssigned", "teacher": "TEACHER", "visitDate": "2021-01-21",
    "steps": {
        "matchRequested": "2021-01-20T09:00:00.000001Z",
        "paymentApproved": "2021-01-20T09:00:00.000002Z",
        "visitAssigned": "2021-01-20T10:30:00.000000Z",
    },
    "_links": { "self": { "href": "/myPages/5000" }, "events": { "href": "/myPages/5000/events" } },
}))]
pub(crate) struct MyPage {
    /// The match.
    #[schema(minimum = 1)]
    id: i64,
    /// What the student pays.
    #[schema(minimum = 1, required = true)]
    price: Option<i64>,
    #[schema(schema_with = status, required = true)]
    pub(crate) status: Option<Step>,
    /// The tutor's name.
    #[schema(required = true)]
    teacher: Option<String>,
    /// The day of the visit.
    #[schema(required = true, format = Date)]
    visit_date: Option<String>,
    /// When each step happened that has happened.
    #[schema(schema_with = steps)]
    steps: Steps,
    #[serde(rename = "_links")]
    links: MyPageLinks,
}

/// Steps with their times, in their order.
#[derive(Debug)]
struct Steps(Vec<(Step, String)>);

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        let mut map = into.serialize_map(Some(self.0.len()))?;
        for (step, at) in &self.0 {
            map.serialize_entry(step, at)?;
        }
        map.end()
    }
}

fn status() -> OneOfBuilder {
    let steps = one_of(&Step::ALL.map(Step::name));
    or_null(OneOfBuilder::new().item(steps).description(Some("The furthest step that is known.")))
}

fn steps() -> ObjectBuilder {
    let time = || {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
    };
    Step::ALL.iter().fold(ObjectBuilder::new(), |steps, step| steps.property(step.name(), time()))
}

#[derive(Debug, serde::Serialize, ToSchema)]
struct MyPageLinks {
    /// The page.
    #[serde(rename = "self")]
    this: Link,
    /// Its live stream.
    events: Link,
}

impl MyPage {
    pub(crate) fn new(page: &mypage_domain::MyPage) -> Self {
        let this = format!("/myPages/{}", page.id);
        Self {
            id: page.id,
            price: page.price,
            status: page.status(),
            teacher: page.teacher.clone(),
            visit_date: page.visit_date.clone(),
            steps: Steps(page.steps().map(|(step, at)| (step, at.to_string())).collect()),
            links: MyPageLinks { events: Link::to(format!("{this}/events")), this: Link::to(this) },
        }
    }
}

pub(crate) type MyPageList = Page<MyPage>;

impl Listed for MyPage {
    const PATH: &'static str = "/myPages";
    const REL: &'static str = "myPages";
}

/// The data of a message in a live stream: the page, with the step that it tells of, and when that happened.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Message {
    #[serde(flatten)]
    page: MyPage,
    at: String,
}

impl Message {
    pub(crate) fn new(page: &mypage_domain::MyPage, step: Step, at: String) -> Self {
        Self { page: MyPage { status: Some(step), ..MyPage::new(page) }, at }
    }
}
