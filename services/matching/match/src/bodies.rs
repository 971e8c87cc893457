//! What requests and answers carry.

use chassis::openapi::{number_or_digits, one_of, or_null};
use chassis::page::{Link, Listed, Page};
use match_contract::Step;
use match_domain::{Established, MatchId, Price};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};

/// What a student asks for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document: handlers read one field after the other")]
#[schema(example = json!({ "id": 5000, "price": 50000 }))]
pub(crate) struct MatchRequest {
    #[schema(schema_with = id_if_given, required = false)]
    id: Option<i64>,
    #[schema(schema_with = price)]
    price: i64,
    #[schema(schema_with = asked, required = false)]
    status: Option<String>,
}

fn id_if_given() -> OneOfBuilder {
    or_null(number_or_digits("Which match. If it is left out, one is chosen.", MatchId::MAX))
}

fn price() -> OneOfBuilder {
    number_or_digits("What the student pays.", Price::MAX)
}

fn asked() -> OneOfBuilder {
    or_null(OneOfBuilder::new().item(one_of(&[ASKED])).description(Some("May be left out.")))
}

/// The only thing that can be asked for.
pub(crate) const ASKED: &str = "matchRequest";

/// All that can be changed.
pub(crate) const CANCEL: &str = "cancel";

fn wanted() -> ObjectBuilder {
    one_of(&[CANCEL])
}

/// What is to become of a match.
#[derive(ToSchema)]
#[expect(dead_code, reason = "for the document")]
#[schema(example = json!({ "status": "cancel" }))]
pub(crate) struct MatchChange {
    #[schema(schema_with = wanted)]
    status: String,
}

/// A match: it is paid, and not cancelled unless its status says so.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 5000, "price": 50000, "status": "matchRequested",
    "_links": { "self": { "href": "/matches/5000" }, "cancel": { "href": "/matches/5000" } },
}))]
pub(crate) struct Match {
    /// Which match.
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
    one_of(&Step::ALL.map(Step::name)).description(Some("How far it is: the furthest step that is known."))
}

#[derive(Debug, Serialize, ToSchema)]
struct MatchLinks {
    /// The match.
    #[serde(rename = "self")]
    this: Link,
    /// Where it can be cancelled, until it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancel: Option<Link>,
}

impl Match {
    pub(crate) fn new(established: &Established) -> Self {
        let this = Link::to(path(established));
        Self {
            id: established.case.id.get(),
            price: established.case.price.get(),
            status: established.step,
            links: MatchLinks { cancel: (!established.is_canceled()).then(|| this.clone()), this },
        }
    }
}

/// Where a match is.
pub(crate) fn path(established: &Established) -> String {
    format!("/matches/{}", established.case.id.get())
}

pub(crate) type MatchList = Page<Match>;

impl Listed for Match {
    const PATH: &'static str = "/matches";
    const REL: &'static str = "matches";
}
