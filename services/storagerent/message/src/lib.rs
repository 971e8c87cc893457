//! The message context: messages to customers about their reservations.
//!
//! `reservations.rs` writes a message for each confirmation and each cancellation, `write.rs` is the command of a manager.

mod message;
mod reservations;
mod write;

use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, NoSettings, Parts, Resource, Visibility};
use store::Migrations;
use utoipa_axum::router::OpenApiRouter;

pub use message::{Message, MessageDocument};
pub use reservations::{ReservationChange, ReservationMessages};
use write::MANAGER;
pub use write::MessageState;

/// Sees the messages about its own reservations.
const CUSTOMER: &str = "customer";

/// The messages, newest first.
const NEWEST_FIRST: List<1> = List::new("true", ["message_id"]).newest_first().filtered_by(&[Filter {
    parameter: "storageId",
    column: "storage_id",
    values: Values::Positive,
    about: "The room.",
}]);

/// The context.
pub struct Messages;

impl Context for Messages {
    const NAME: &'static str = "message";
    const ABOUT: &'static str = "Messages to customers about their reservations.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations =
        Migrations { postgres: &sqlx::migrate!("migrations/postgres"), sqlite: &sqlx::migrate!("migrations/sqlite") };

    type Settings = NoSettings;
    type State = MessageState;

    fn handlers() -> OpenApiRouter<MessageState> {
        Resource::<MessageDocument, _>::new(Visibility::Owned { own: CUSTOMER, all: MANAGER })
            .list("The messages, newest first.", NEWEST_FIRST)
            .show("A message.")
            .post("writeMessage", "Writes a message about a room.", write::request(), write::responses(), write::write)
            .into_router()
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(MessageState, Router)> {
        let state = MessageState { messages: parts.repository(), store: parts.store.clone() };
        let policies = ReservationMessages::new(&parts.store);
        Ok((state, parts.consume(policies)?))
    }
}
