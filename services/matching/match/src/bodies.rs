//! The bodies of requests and responses.

use chassis::openapi::{number_or_digits, one_of, or_null};
use chassis::page::{Link, Listed, Page};
use match_contract::Step;
use match_domain::{Established, MatchId, Price};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};

/// A request for a match.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document: handlers read one field after the other")]
#[schema(example = json!({ "id": 5000, "price": 50000 }))]
pub(crate) struct MatchRequest {
    #[schema(schema_with = id_if_given, required = false)]
    id: Option<i64>,
    #[schema(schema_with = price)]
    price: i64,
    #[schema(schema_with = request_status, required = false)]
    status: Option<String>,
}

fn id_if_given() -> OneOfBuilder {
    or_null(number_or_digits("The match. Without it, an id is assigned.", MatchId::MAX))
}

fn price() -> OneOfBuilder {
    number_or_digits("What the student pays.", Price::MAX)
}

fn request_status() -> OneOfBuilder {
    or_null(OneOfBuilder::new().item(one_of(&[REQUEST])).description(Some("May be left out.")))
}

/// The only step that can be requested.
pub(crate) const REQUEST: &str = "matchRequest";

/// The only change that is possible.
pub(crate) const CANCEL: &str = "cancel";

fn change_status() -> ObjectBuilder {
    one_of(&[CANCEL])
}

/// A change to a match.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document")]
#[schema(example = json!({ "status": "cancel" }))]
pub(crate) struct MatchChange {
    #[schema(schema_with = change_status)]
    status: String,
}

/// A match. It is paid; its status shows whether it is cancelled.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 5000, "price": 50000, "status": "matchRequested",
    "_links": { "self": { "href": "/matches/5000" }, "cancel": { "href": "/matches/5000" } },
}))]
pub(crate) struct Match {
    /// The match.
    #[schema(minimum = 1)]
    id: i64,
    /// What the student pays.
    #[schema(minimum = 1)]
    price: i64,
    #[schema(schema_with = step)]
    status: Step,
    #[serde(rename = "_links")]
    links: MatchLinks,
}

fn step() -> ObjectBuilder {
    one_of(&Step::ALL.map(Step::name)).description(Some("The furthest step that is known."))
}

#[derive(Debug, Serialize, ToSchema)]
struct MatchLinks {
    /// The match.
    #[serde(rename = "self")]
    this: Link,
    /// The address to cancel it at, until it is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancel: Option<Link>,
}

impl Match {
    pub(crate) fn new(established: &Established) -> Self {
        let this = Link::to(path(established));
        Self {
            id: established.attempt.id.get(),
            price: established.attempt.price.get(),
            status: established.step,
            links: MatchLinks { cancel: (!established.is_canceled()).then(|| this.clone()), this },
        }
    }
}

/// The address of a match.
pub(crate) fn path(established: &Established) -> String {
    format!("/matches/{}", established.attempt.id.get())
}

pub(crate) type MatchList = Page<Match>;

impl Listed for Match {
    const PATH: &'static str = "/matches";
    const REL: &'static str = "matches";
}
