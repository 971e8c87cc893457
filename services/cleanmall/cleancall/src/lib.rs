//! The cleancall context: a customer calls for a cleaner, and may cancel.
//!
//! The rules are in `cleancall-domain`. `saga.rs` is the saga of a request, `http.rs` its document and its commands.

mod call_row;
mod http;
mod saga;

use axum::Router;
use context::saga::{Requests, SagaSettings};
use context::{Context, List, Parts, Resource, Updater, Visibility};
use store::{Migrations, idempotency};
use utoipa_axum::router::OpenApiRouter;

pub use call_row::CallRow;
pub use http::CallDocument;
pub use saga::{CallSaga, management};

/// Calls for cleaners, and sees and cancels its own calls.
const CUSTOMER: &str = "customer";

/// Sees all calls.
const OPERATOR: &str = "operator";

/// The context.
pub struct CleanCalls;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of cleanmanage
    #[arg(long, env = "CLEANMANAGE_URL", default_value = "http://127.0.0.1:8082")]
    pub cleanmanage_url: String,
}

impl Context for CleanCalls {
    const NAME: &'static str = "cleancall";
    const ABOUT: &'static str = "A customer calls for a cleaner, and may cancel.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = Requests<CallSaga>;

    fn handlers() -> OpenApiRouter<Requests<CallSaga>> {
        let calls = List::new("phase = 'established' AND canceled = 0 AND progress <> 'canceled'", ["call_id"]);
        Resource::<CallDocument, _>::new(Visibility::Owned { own: CUSTOMER, all: OPERATOR })
            .list("The calls in the order of their ids.", calls)
            .show("A call.")
            .request::<CallSaga>(&http::CALL)
            .delete(&http::CANCEL)
            .into_router()
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(Requests<CallSaga>, Router)> {
        metrics::describe_counter!(http::CANCEL.total, "Calls that their customers have cancelled");
        let Settings { saga, cleanmanage_url } = parts.settings.clone();
        let management = management(parts.client("cleanmanage", &cleanmanage_url, &saga.calls)?);
        let requests = parts.requests(vec![management], &saga)?;
        let operation = parts.consume(Updater::new(requests.rows().clone()))?;
        Ok((requests, operation))
    }
}
