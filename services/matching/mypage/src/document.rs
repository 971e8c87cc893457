use ambient::Timestamp;
use chassis::openapi::{date, date_times, nullable, object, one_of, positive, text};
use context::{Representation, StepLog, Streamed};
use match_contract::Step;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::ObjectBuilder;

use crate::page::MyPage;

/// All that is known of a match. Unknown parts are null.
pub struct PageDocument;

impl Representation for PageDocument {
    type Row = MyPage;
    const NAME: &'static str = "MyPage";
    const PATH: &'static str = "/myPages";
    const REL: &'static str = "myPages";
    const TITLE: &'static str = "page of match";
    const LINKS: &'static [(&'static str, &'static str)] =
        &[("self", "/myPages/{id}"), ("events", "/myPages/{id}/events")];

    fn of(page: &MyPage) -> Option<Value> {
        let steps: Map<_, _> = page.steps().map(|(step, at)| (step.name().to_owned(), json!(at.to_string()))).collect();
        Some(json!({
            "id": page.id, "price": page.price, "status": page.steps().last().map(|(step, _)| step.name()),
            "teacher": page.teacher, "visitDate": page.visit_date, "steps": steps,
        }))
    }

    fn schema() -> ObjectBuilder {
        object("All that is known of a match. Unknown parts are null.")
            .property("id", positive("The match."))
            .property("price", nullable(positive("What the student pays.")))
            .property(
                "status",
                nullable(one_of(&Step::ALL.map(Step::name)).description(Some("The furthest known step."))),
            )
            .property("teacher", nullable(text("The tutor's name.")))
            .property("visitDate", nullable(date("The day of the visit.")))
            .property("steps", date_times("The times of the known steps.", &Step::ALL.map(Step::name)))
    }
}

impl Streamed for PageDocument {
    const OWN_STATUS: &'static str = "pageStatus";

    fn log(page: &MyPage) -> StepLog {
        page.log()
    }

    fn step(page: &MyPage, step: usize) -> (&'static str, Option<Timestamp>) {
        (Step::ALL[step].name(), page.times()[step])
    }
}
