//! The order context: a customer orders pizzas, pays, and may cancel.
//!
//! The rules are in `pizza-order-domain`. `saga.rs` is the saga of a request, `http.rs` its document and its commands,
//! `pizzas.rs` the kinds of pizza.

mod http;
mod order_row;
mod pizzas;
mod saga;

use axum::Router;
use context::saga::{Requests, SagaSettings};
use context::{Context, List, Parts, Resource, Updater};
use store::{Migrations, idempotency};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use http::OrderDocument;
pub use order_row::OrderRow;
pub use saga::{RequestSaga, payment};

/// The context.
pub struct Orders;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of payment
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8082")]
    pub payment_url: String,
}

impl Context for Orders {
    const NAME: &'static str = "order";
    const ABOUT: &'static str = "A customer orders pizzas, pays, and may cancel.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = Requests<RequestSaga>;

    fn handlers() -> OpenApiRouter<Requests<RequestSaga>> {
        Resource::<OrderDocument, _>::new(http::READERS)
            .list("The orders in the order of their ids.", List::new("phase = 'established'", ["order_id"]))
            .show("An order.")
            .request::<RequestSaga>(&http::REQUEST)
            .change(&http::CANCEL)
            .into_router()
            .routes(routes!(pizzas::list))
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(Requests<RequestSaga>, Router)> {
        metrics::describe_counter!(http::CANCEL.total, "Orders cancelled by their customers");
        let Settings { saga, payment_url } = parts.settings.clone();
        let payment = payment(parts.client("payment", &payment_url, &saga.calls)?);
        let requests = parts.requests(vec![payment], &saga)?;
        let operation = parts.consume(Updater::new(requests.rows().clone()))?;
        Ok((requests, operation))
    }
}
