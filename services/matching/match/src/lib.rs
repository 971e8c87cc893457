//! The match context: a student requests a match, pays, and may cancel.
//!
//! The rules are in `match-domain`, the saga is in `saga.rs`. `http.rs` is REST, `grpc.rs` and `watching.rs` are gRPC.

pub mod grpc;
mod http;
mod match_row;
mod saga;
mod watching;

use axum::Router;
use context::saga::{Requests, SagaSettings};
use context::{Context, List, Parts, Resource, Updater, Visibility};
use store::{Migrations, idempotency};
use utoipa_axum::router::OpenApiRouter;

pub use http::MatchDocument;
pub use match_row::MatchRow;
pub use saga::{RequestSaga, payment};
pub use watching::{WatchSettings, Watching};

/// The context.
pub struct Matches;

/// The settings of the context.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Of the saga.
    #[command(flatten)]
    pub saga: SagaSettings,

    /// The address of payment
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8083")]
    pub payment_url: String,

    /// Of watched matches.
    #[command(flatten)]
    pub watching: WatchSettings,
}

impl Context for Matches {
    const NAME: &'static str = "match";
    const ABOUT: &'static str = "A student offers a price and requests a match, pays, and may cancel.";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());
    const PIECES: &'static [Migrations] = &[idempotency::MIGRATIONS];

    type Settings = Settings;
    type State = Requests<RequestSaga>;

    fn handlers() -> OpenApiRouter<Requests<RequestSaga>> {
        Resource::<MatchDocument, _>::new(Visibility::Owned { own: http::STUDENT, all: http::OPERATOR })
            .list("The matches in the order of their ids.", List::new("phase = 'established'", ["id"]))
            .show("A match.")
            .request::<RequestSaga>(&http::REQUEST)
            .change(&http::CANCEL)
            .into_router()
    }

    fn start(parts: Parts<Settings>) -> anyhow::Result<(Requests<RequestSaga>, Router)> {
        metrics::describe_counter!(http::CANCEL.total, "Matches cancelled by their students");
        let Settings { saga, payment_url, watching } = parts.settings.clone();
        let payment = payment(parts.client("payment", &payment_url, &saga.calls)?);
        let requests = parts.requests(vec![payment], &saga)?;
        let grpc = grpc::routes(requests.clone(), &parts.host, Watching::of(&watching))?;
        Ok((requests.clone(), grpc.merge(parts.consume(Updater::new(requests.rows().clone()))?)))
    }
}
