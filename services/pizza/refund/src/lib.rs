//! The refund context: a customer requests the refund of a delivered order.
//!
//! The rules are in `refund-domain`. `saga.rs` is the saga of a refund, `http.rs` its document and its request.

mod http;
mod refund_row;
mod saga;

use axum::Router;
use context::saga::{Requests, SagaSettings};
use context::{Context, List, Parts, Resource, Updater, Visibility};
use store::{Migrations, idempotency};
use utoipa_axum::router::OpenApiRouter;

pub use http::RefundDocument;
pub use refund_row::RefundRow;
pub use saga::{RefundSaga, delivery};

/// Requests refunds of its orders, and sees them.
const CUSTOMER: &str = "customer";

/// Sees all refunds.
const OPERATOR: &str = "operator";

/// The refunds in the order of their orders. A row without any has no document.
const REFUNDS: List<1> = List::new("(status <> '' OR canceled_before IS NOT NULL)", ["order_id"]);

/// The context.
pub struct Refunds;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of delivery
    #[arg(long, env = "DELIVERY_URL", default_value = "http://127.0.0.1:8083")]
    pub delivery_url: String,
}

impl Context for Refunds {
    const NAME: &'static str = "refund";
    const ABOUT: &'static str = "A customer requests the refund of a delivered order.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = Requests<RefundSaga>;

    fn handlers() -> OpenApiRouter<Requests<RefundSaga>> {
        Resource::<RefundDocument, _>::new(Visibility::Owned { own: CUSTOMER, all: OPERATOR })
            .list("The latest refunds in the order of their orders.", REFUNDS)
            .show("The latest refund of an order.")
            .request::<RefundSaga>(&http::REQUEST)
            .into_router()
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(Requests<RefundSaga>, Router)> {
        let Settings { saga, delivery_url } = parts.settings.clone();
        let delivery = delivery(parts.client("delivery", &delivery_url, &saga.calls)?);
        let requests = parts.requests(vec![delivery], &saga)?;
        let operation = parts.consume(Updater::new(requests.rows().clone()))?;
        Ok((requests, operation))
    }
}
