use chassis::openapi::{nullable, object, one_of, positive, text};
use cleanassign_domain::{Assignment, Cleaner};
use context::Representation;
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::rows::{AssignmentRow, CleanerRow, STATES, name_of};

/// The assignment of a call.
pub struct AssignmentDocument;

/// A cleaner.
pub struct CleanerDocument;

impl Representation for AssignmentDocument {
    type Row = AssignmentRow;
    const NAME: &'static str = "Cleanassign";
    const PATH: &'static str = "/cleanassigns";
    const REL: &'static str = "cleanassigns";
    const TITLE: &'static str = "assignment of call";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/cleanassigns/{id}"), ("call", "/cleanmanages/{id}")];

    fn of(assignment: &Assignment) -> Option<Value> {
        let assignee = assignment.assignee();
        let document = json!({
            "id": assignment.call_id, "location": assignment.location, "status": name_of(&assignment.state),
            "since": assignment.since.to_string(), "cleanerId": assignee.map(|assignee| assignee.id),
            "cleaner": assignee.map(|assignee| assignee.name.as_str()),
        });
        (assignment.attempt > 0).then_some(document)
    }

    fn schema() -> ObjectBuilder {
        object("The assignment of a call.")
            .property("id", positive("The call."))
            .property("location", nullable(text("The place. Null: any place.")))
            .property("status", one_of(&STATES).description(Some("Whether a cleaner is assigned.")))
            .property("since", text("Since when the call waits, or has waited."))
            .property("cleanerId", nullable(positive("The cleaner. Null: there was none.")))
            .property("cleaner", nullable(text("The name of the cleaner.")))
    }
}

const FREE: &str = "free";
const BUSY: &str = "busy";

impl Representation for CleanerDocument {
    type Row = CleanerRow;
    const NAME: &'static str = "Cleaner";
    const PATH: &'static str = "/cleaners";
    const REL: &'static str = "cleaners";
    const TITLE: &'static str = "cleaner";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/cleaners/{id}")];

    fn of(cleaner: &Cleaner) -> Option<Value> {
        Some(json!({
            "id": cleaner.id, "name": cleaner.name.as_str(), "location": cleaner.location,
            "status": if cleaner.is_free() { FREE } else { BUSY }, "callId": cleaner.call_id,
        }))
    }

    fn schema() -> ObjectBuilder {
        object("A cleaner.")
            .property("id", positive("The cleaner."))
            .property("name", text("The name."))
            .property("location", nullable(text("The place where they work. Null: any place.")))
            .property("status", one_of(&[FREE, BUSY]).description(Some("Whether they have a call.")))
            .property("callId", nullable(positive("Their call. Null: they have none.")))
    }
}
