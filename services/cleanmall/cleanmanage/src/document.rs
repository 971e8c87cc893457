use chassis::openapi::{nullable, object, one_of, positive, text};
use cleanassign_contract::Status;
use cleanmanage_domain::Management;
use context::Representation;
use serde_json::{Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::management_row::ManagementRow;

/// A call as the management knows it. One that was withdrawn has no document.
pub struct ManagementDocument;

impl Representation for ManagementDocument {
    type Row = ManagementRow;
    const NAME: &'static str = "Cleanmanage";
    const PATH: &'static str = "/cleanmanages";
    const REL: &'static str = "cleanmanages";
    const TITLE: &'static str = "call";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/cleanmanages/{id}"), ("call", "/cleancalls/{id}")];

    fn of(management: &Management) -> Option<Value> {
        let status = management.status()?;
        let request = &management.request;
        Some(json!({
            "id": management.call_id, "location": request.location, "tel": request.tel, "status": status.name(),
            "statusLabel": status.label(), "cleaner": management.assignment.cleaner,
        }))
    }

    fn schema() -> ObjectBuilder {
        object("A call, as the management knows it.")
            .property("id", positive("The call."))
            .property("location", nullable(text("The place. Null: any place.")))
            .property("tel", text("The telephone number, masked."))
            .property("status", one_of(&Status::ALL.map(Status::name)).description(Some("What became of it.")))
            .property(
                "statusLabel",
                one_of(&Status::ALL.map(Status::label)).description(Some("The status for people.")),
            )
            .property("cleaner", nullable(text("The name of the cleaner. Null: there was none.")))
    }
}
