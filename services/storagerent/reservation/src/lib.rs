//! The reservation context: a customer reserves a room, pays, and may cancel.
//!
//! The rules are in `reservation-domain`. `saga.rs` is the saga of a request, `http.rs` its document and its commands.

mod http;
mod reservation_row;
mod saga;

use axum::Router;
use context::saga::{Requests, SagaSettings};
use context::{Context, List, Parts, Resource, Updater, Visibility};
use store::{Migrations, idempotency};
use utoipa_axum::router::OpenApiRouter;

pub use http::ReservationDocument;
pub use reservation_row::ReservationRow;
pub use saga::{RequestSaga, payment, storage};

/// Reserves rooms, and sees and cancels its own reservations.
const CUSTOMER: &str = "customer";

/// Sees all reservations.
const MANAGER: &str = "manager";

/// The context.
pub struct Reservations;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of storage
    #[arg(long, env = "STORAGE_URL", default_value = "http://127.0.0.1:8082")]
    pub storage_url: String,

    /// The address of payment
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8081")]
    pub payment_url: String,
}

impl Context for Reservations {
    const NAME: &'static str = "reservation";
    const ABOUT: &'static str = "A customer reserves a room, pays, and may cancel.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = Requests<RequestSaga>;

    fn handlers() -> OpenApiRouter<Requests<RequestSaga>> {
        Resource::<ReservationDocument, _>::new(Visibility::Owned { own: CUSTOMER, all: MANAGER })
            .list("The reservations in the order of their ids.", List::new("phase = 'established'", ["reservation_id"]))
            .show("A reservation.")
            .request::<RequestSaga>(&http::REQUEST)
            .change(&http::CANCEL)
            .into_router()
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(Requests<RequestSaga>, Router)> {
        metrics::describe_counter!(http::CANCEL.total, "Reservations whose cancellation was requested");
        let Settings { saga, storage_url, payment_url } = parts.settings.clone();
        let storage = storage(parts.client("storage", &storage_url, &saga.calls)?);
        let payment = payment(parts.client("payment", &payment_url, &saga.calls)?);
        let requests = parts.requests(vec![storage, payment], &saga)?;
        let operation = parts.consume(Updater::new(requests.rows().clone()))?;
        Ok((requests, operation))
    }
}
