//! The cleanmanage context: it accepts calls, and knows what becomes of them.
//!
//! | file | content |
//! |---|---|
//! | `cleanmanage-domain` | the rules, as pure functions |
//! | `management_row.rs`, `store.rs` | the tables; state and events in one transaction |
//! | `acceptances.rs` | inbound: acceptances and withdrawals, for the cleancall context |
//! | `places.rs` | inbound: what operators let it accept |
//! | `document.rs` | a call as the management knows it, as JSON |

mod acceptances;
mod document;
mod management_row;
mod places;
mod store;

use ::store::Migrations;
use axum::Router;
use context::{Context, List, NoSettings, Parts, Resource, Updater, Visibility};
use utoipa_axum::router::OpenApiRouter;

pub use document::ManagementDocument;
pub use management_row::ManagementRow;
use store::OPERATOR;
pub use store::{ManageState, ManagementStore, NotAccepted};

/// Sees its own calls.
const CUSTOMER: &str = "customer";

/// The context.
pub struct CleanManages;

impl Context for CleanManages {
    const NAME: &'static str = "cleanmanage";
    const ABOUT: &'static str = "The management accepts calls, and knows what becomes of them.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = ManageState;

    fn handlers() -> OpenApiRouter<ManageState> {
        Resource::<ManagementDocument, _>::new(Visibility::Owned { own: CUSTOMER, all: OPERATOR })
            .list("The calls in the order of their ids.", List::new("state <> 'withdrawn'", ["call_id"]))
            .show("A call, as the management knows it.")
            .into_router()
            .merge(acceptances::handlers())
            .merge(places::handlers())
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(ManageState, Router)> {
        metrics::describe_counter!(store::ACCEPTED_TOTAL, "Calls that were accepted");
        let managements = parts.repository();
        let store = ManagementStore::new(&parts.store, parts.messaging.outbox());
        let operation = parts.consume(Updater::new(managements.clone()))?;
        Ok((ManageState { managements, store }, operation))
    }
}
