//! The visit context: tutors read the visit requests and confirm one.
//!
//! The rules are in `visit-domain`. `case_row.rs` maps its cases to rows, `documents.rs` to JSON, and `assign.rs` is the
//! command.

mod assign;
mod case_row;
mod documents;

use axum::Router;
use context::{Context, List, NoSettings, Parts, Projector, Repository, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

use assign::TUTOR;
pub use assign::assign_visit;
pub use case_row::CaseRow;
pub use documents::{OpenRequest, Visit};

/// Sees all requests and visits.
const OPERATOR: &str = "operator";

/// The visits in the order of their matches.
pub const VISITS: List<1> = List::new("teacher IS NOT NULL", ["match_id"]);

/// The open requests, oldest first.
pub const OPEN_REQUESTS: List<2> = List::new("is_open = 1", ["paid_since", "match_id"]);

/// The context.
pub struct Visits;

impl Context for Visits {
    const NAME: &'static str = "visit";
    const ABOUT: &'static str = "Tutors read the visit requests and confirm one.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = Repository<CaseRow>;

    fn handlers() -> OpenApiRouter<Repository<CaseRow>> {
        let requests = Resource::<OpenRequest, _>::new(Visibility::Shared(&[TUTOR, OPERATOR]))
            .list("The open visit requests, oldest first.", OPEN_REQUESTS);
        Resource::<Visit, _>::new(Visibility::Owned { own: TUTOR, all: OPERATOR })
            .list("The visits in the order of their matches.", VISITS)
            .show("The visit of a match.")
            .post("assignVisit", "Accepts a visit request.", assign::request(), assign::responses(), assign::assign)
            .into_router()
            .merge(requests.into_router())
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(Repository<CaseRow>, Router)> {
        metrics::describe_histogram!(
            assign::LEAD_TIME,
            "Time from the payment of a match to the assignment of its visit"
        );
        let cases = parts.repository::<CaseRow>();
        Ok((cases.clone(), parts.consume(Projector::new(cases))?))
    }
}
