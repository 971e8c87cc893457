use chassis::openapi::{date, object, one_of, positive, text};
use context::Representation;
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;
use visit_domain::Case;

use crate::case_row::CaseRow;

/// A visit that a tutor has confirmed.
pub struct Visit;

/// An open request: paid, not assigned and not cancelled. A tutor accepts it by posting a visit.
pub struct OpenRequest;

impl Representation for Visit {
    type Row = CaseRow;
    const NAME: &'static str = "Visit";
    const PATH: &'static str = "/visits";
    const REL: &'static str = "visits";
    const TITLE: &'static str = "visit for match";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/visits/{id}")];

    fn of(case: &Case) -> Option<Value> {
        let visit = case.visit.as_ref()?;
        let status = if case.canceled { "visitCanceled" } else { "visitAssigned" };
        Some(json!({
            "id": case.match_id, "matchId": case.match_id, "teacher": visit.teacher,
            "visitDate": visit.date.to_string(), "status": status,
        }))
    }

    fn schema() -> ObjectBuilder {
        object("A visit that a tutor has confirmed.")
            .property("id", positive("The match."))
            .property("matchId", positive("The match."))
            .property("teacher", text("The tutor's name."))
            .property("visitDate", date("The day."))
            .property(
                "status",
                one_of(&["visitAssigned", "visitCanceled"]).description(Some("Cancelled with its match.")),
            )
    }
}

impl Representation for OpenRequest {
    type Row = CaseRow;
    const NAME: &'static str = "OpenRequest";
    const PATH: &'static str = "/visitReqLists";
    const REL: &'static str = "visitReqLists";
    const TITLE: &'static str = "visit request of match";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/visitReqLists"), ("assign", "/visits")];

    fn of(case: &Case) -> Option<Value> {
        Some(json!({ "id": case.match_id, "matchId": case.match_id, "price": case.paid?.price }))
    }

    fn schema() -> ObjectBuilder {
        object("An open request: paid, not assigned and not cancelled. A tutor accepts it by posting a visit.")
            .property("id", positive("The match."))
            .property("matchId", positive("The match."))
            .property("price", positive("What the student has paid."))
    }
}
