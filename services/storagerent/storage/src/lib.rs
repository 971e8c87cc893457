//! The storage context: managers register rooms, reservations hold them, customers review them.
//!
//! | file | content |
//! |---|---|
//! | `storage-domain` | the rules, as pure functions |
//! | `rows.rs`, `store.rs` | the tables; state and events in one transaction |
//! | `state.rs` | the state of the handlers, and the roles |
//! | `rooms.rs`, `reviews.rs` | inbound: the commands of managers and customers |
//! | `holds.rs` | inbound: holds and releases, for the reservation context |
//! | `reservations.rs` | inbound: the events of the reservation context |
//! | `documents.rs` | rooms and reviews as JSON |

mod documents;
mod holds;
mod reservations;
mod reviews;
mod rooms;
mod rows;
mod state;
mod store;

use ::store::Migrations;
use axum::Router;
use chassis::query::Values;
use context::{Context, Filter, List, NoSettings, Parts, Resource, Visibility};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use documents::{Review, Storage};
pub use reservations::{Outcome, Reservations};
use rows::{AVAILABLE, RESERVED, RESERVING};
pub use rows::{HoldRow, ReviewRow, RoomRow};
pub use state::StorageState;
use state::{CUSTOMER, MANAGER};
pub use store::{NotReviewed, ReviewRequest, RoomStore};

/// The roles that read rooms and reviews.
const READERS: Visibility = Visibility::Shared(&[CUSTOMER, MANAGER]);

/// The rooms in the order of their ids.
const ROOMS: List<1> = List::new("status <> 'deleted'", ["storage_id"]).filtered_by(&[Filter {
    parameter: "status",
    column: "status",
    values: Values::OneOf(&[AVAILABLE, RESERVING, RESERVED]),
    about: "The status.",
}]);

/// The reviews, newest first.
const REVIEWS: List<2> = List::new("true", ["written_at", "reservation_id"]).newest_first().filtered_by(&[Filter {
    parameter: "storageId",
    column: "storage_id",
    values: Values::Positive,
    about: "The room.",
}]);

/// The context.
pub struct Storages;

impl Context for Storages {
    const NAME: &'static str = "storage";
    const ABOUT: &'static str = "Managers register rooms, reservations hold them, customers review them.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

    type Settings = NoSettings;
    type State = StorageState;

    fn handlers() -> OpenApiRouter<StorageState> {
        let reviews = Resource::<Review, _>::new(READERS)
            .list("The reviews, newest first.", REVIEWS)
            .show("The review by a reservation.")
            .post("writeReview", "Reviews a room.", reviews::request(), reviews::written(), reviews::write);
        let registrations = Resource::<Storage, _>::new(Visibility::Shared(&[MANAGER]))
            .post("registerStorage", "Registers a room.", rooms::request(), rooms::registered(), rooms::register)
            .change(&rooms::MODIFY)
            .delete(&rooms::DELETE);
        Resource::<Storage, _>::new(READERS)
            .list("The rooms in the order of their ids.", ROOMS)
            .show("A room.")
            .into_router()
            .merge(registrations.into_router())
            .merge(reviews.into_router())
            .merge(holds::handlers())
            .routes(routes!(rooms::check))
    }

    fn start(parts: Parts<NoSettings>) -> anyhow::Result<(StorageState, Router)> {
        metrics::describe_counter!(rooms::MODIFY.total, "Rooms whose registration was changed");
        metrics::describe_counter!(rooms::DELETE.total, "Rooms deleted by managers");
        let (host, outbox) = (parts.host.clone(), parts.messaging.outbox());
        let rooms = RoomStore::new(&parts.store, outbox, host.clock());
        let (storages, reviews) = (parts.repository(), parts.repository());
        let operation = parts.consume(Reservations::new(rooms.clone()))?;
        Ok((StorageState { rooms, storages, reviews, host }, operation))
    }
}
