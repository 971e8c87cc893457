//! The cleanassign context: it assigns cleaners to the calls that the management has accepted.
//!
//! | file | content |
//! |---|---|
//! | `cleanassign-domain` | the rules, as pure functions |
//! | `rows.rs`, `store.rs` | the tables; state and events in one transaction, under one lock |
//! | `managed.rs` | inbound: the events of the management |
//! | `commands.rs` | inbound: cleaners are registered and removed, work is done |
//! | `documents.rs` | cleaners and assignments as JSON |

mod commands;
mod documents;
mod managed;
mod rows;
mod store;

use ::store::Migrations;
use axum::Router;
use axum::routing::{delete, patch};
use context::{Context, List, NoSettings, Parts, Resource, Visibility};
use utoipa::openapi::path::HttpMethod;
use utoipa_axum::router::OpenApiRouter;

pub use documents::{AssignmentDocument, CleanerDocument};
pub use managed::ManagedCalls;
pub use rows::{AssignmentRow, CleanerRow};
use store::OPERATOR;
pub use store::{AssignState, DispatchStore};

/// The context.
pub struct CleanAssigns;

impl Context for CleanAssigns {
    const NAME: &'static str = "cleanassign";
    const ABOUT: &'static str = "Cleaners are assigned to the calls that the management has accepted.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = AssignState;

    fn handlers() -> OpenApiRouter<AssignState> {
        let visibility = Visibility::Shared(&[OPERATOR]);
        let assignments = Resource::<AssignmentDocument, _>::new(visibility)
            .list("The assignments in the order of their calls.", List::new("attempt > 0", ["call_id"]))
            .show("The assignment of a call.")
            .command_on(
                HttpMethod::Patch,
                (
                    "finishCleanassign",
                    "The work for a call is done: its cleaner is free again. Idempotent. For the role operator.",
                ),
                Some(commands::finish_request()),
                commands::finished(),
                patch(commands::finish),
            );
        let (register, about) = ("registerCleaner", "Registers a cleaner. For the role operator.");
        Resource::<CleanerDocument, _>::new(visibility)
            .list("The cleaners in the order of their ids.", List::new("true", ["cleaner_id"]))
            .show("A cleaner.")
            .post(register, about, commands::register_request(), commands::registered(), commands::register)
            .command_on(
                HttpMethod::Delete,
                ("removeCleaner", "Removes a cleaner who is free. For the role operator."),
                None,
                commands::removed(),
                delete(commands::remove),
            )
            .into_router()
            .merge(assignments.into_router())
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(AssignState, Router)> {
        metrics::describe_counter!(store::ASSIGNED_TOTAL, "Cleaners assigned to calls");
        let (ids, outbox) = (parts.host.ids(), parts.messaging.outbox());
        let store = DispatchStore::new(&parts.store, outbox, parts.host.clock());
        let (assignments, cleaners) = (parts.repository(), parts.repository());
        let operation = parts.consume(ManagedCalls::new(store.clone()))?;
        Ok((AssignState { assignments, cleaners, store, ids }, operation))
    }
}
