//! REST: the document of a match, its request, and its cancellation.

use ambient::Subject;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{number_or_digits, object, one_of, or_null, positive};
use chassis::problem::Problem;
use context::{Change, ConditionalLink, Representation, RequestDocument};
use match_contract::{MatchEvent, Step};
use match_domain::{Match, Offer};
use serde_json::{Value, json};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder};

use crate::match_row::MatchRow;
use crate::saga::PAYMENT_DECLINED;

/// Requests matches, and sees and cancels its own.
pub(crate) const STUDENT: &str = "student";

/// Sees all matches.
pub(crate) const OPERATOR: &str = "operator";

/// The only step that can be requested.
const REQUESTED: &str = "matchRequest";

/// The only change that is possible.
const CANCELED: &str = "cancel";

/// A match. It is paid; its status shows whether it is cancelled.
pub struct MatchDocument;

impl Representation for MatchDocument {
    type Row = MatchRow;
    const NAME: &'static str = "Match";
    const PATH: &'static str = "/matches";
    const REL: &'static str = "matches";
    const TITLE: &'static str = "match";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/matches/{id}")];
    const CONDITIONAL_LINKS: &'static [ConditionalLink<Self>] = &[("cancel", "/matches/{id}", |state| {
        state.established().is_some_and(|established| !established.is_canceled())
    })];

    fn plural() -> String {
        "Matches".to_owned()
    }

    fn of(state: &Match) -> Option<Value> {
        let established = state.established()?;
        let (id, price) = (established.attempt.id.get(), established.attempt.price.get());
        Some(json!({ "id": id, "price": price, "status": established.step.name() }))
    }

    fn schema() -> ObjectBuilder {
        let status = one_of(&Step::ALL.map(Step::name)).description(Some("The furthest step that is known."));
        object("A match. It is paid; its status shows whether it is cancelled.")
            .property("id", positive("The match."))
            .property("price", positive("What the student pays."))
            .property("status", status)
    }
}

/// `POST /matches`.
pub(crate) const REQUEST: RequestDocument<Offer> = RequestDocument {
    id: "requestMatch",
    about: "Requests a match and pays for it. An unpaid match is never established.",
    id_field: "id",
    schema: request_schema,
    read: read_request,
    problems: || vec![PAYMENT_DECLINED.example()],
};

fn read_request(fields: &Fields, student: Option<Subject>) -> Result<Offer, Problem> {
    let price = required(fields.positive("price")?, "price")?;
    match fields.text("status", 100)? {
        None | Some(REQUESTED) => Ok(Offer { price, student }),
        Some(_) => Err(Problem::unprocessable_field("status", "must be \"matchRequest\", or left out")),
    }
}

fn request_schema() -> ObjectBuilder {
    let status = OneOfBuilder::new().item(one_of(&[REQUESTED])).description(Some("May be left out."));
    object("A request for a match.")
        .property("id", or_null(number_or_digits("The match. Without it, an id is assigned.", MAX_EXACT)))
        .property("price", number_or_digits("What the student pays.", MAX_EXACT))
        .property("status", or_null(status))
        .required("price")
        .examples([json!({ "id": 5000, "price": 50000 })])
}

/// `PATCH` and `PUT` of `/matches/{id}`. Idempotent.
pub(crate) const CANCEL: Change<Match, (), MatchEvent> = Change {
    id: "cancelMatch",
    about: "Cancels a match: its visit is cancelled, and its price paid back. Idempotent.",
    total: "matches_canceled_total",
    schema: || {
        object("A change to a match.")
            .property("status", one_of(&[CANCELED]))
            .required("status")
            .examples([json!({ "status": CANCELED })])
    },
    read: read_change,
    apply: |(), state| match state {
        Match::Established(established) => Ok(established.cancel().map(MatchEvent::from)),
        _ => Ok(None),
    },
    problems: || vec![no_such_change()],
};

fn read_change(fields: &Fields) -> Result<(), Problem> {
    if required(fields.text("status", 100)?, "status")? == CANCELED { Ok(()) } else { Err(no_such_change()) }
}

fn no_such_change() -> Problem {
    Problem::unprocessable_field("status", "must be \"cancel\": that is all that can be changed")
}
