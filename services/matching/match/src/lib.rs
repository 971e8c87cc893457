//! The match context: a student asks for a match, pays, and may cancel.
//!
//! | file | what |
//! |---|---|
//! | `app.rs` | the use cases: request, cancel |
//! | `recovery.rs` | settles what is left when an outcome is unknown or a process died |
//! | `ports.rs`, `payment.rs` | what is needed from payment, and the guarded call that gives it |
//! | `http.rs`, `grpc.rs` | inbound: REST, and gRPC |
//! | `bodies.rs` | what requests and answers of REST carry, and promise |
//! | `asking.rs` | what is the same by both doors: who may, what is valid, how it is refused |
//! | `watching.rs` | matches that somebody watches |
//! | `policies.rs` | inbound: what other contexts say |
//! | `store.rs` | outbound: SQL |

mod app;
mod asking;
mod bodies;
pub mod grpc;
mod http;
mod payment;
mod policies;
mod ports;
mod recovery;
mod store;
mod watching;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::store::{Migrations, Store};
use axum::Router;
use calls::Transport;
use chassis::Host;
use messaging::Messaging;

pub use app::{App, Canceled, Requested};
pub use http::{document, routes};
pub use payment::PaymentCalls;
pub use policies::MatchPolicies;
pub use ports::{Approval, Payments, Unsettled};
pub use recovery::Recovery;
pub use store::MatchStore;
pub use watching::Watching;

/// The context's own tables.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// A watched match that stays as it is for so long is told again: less than a gateway bears with silence.
const WATCHED_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// All settings of the process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
#[command(name = "match", about = "The match context: students ask for a match, pay, and may cancel", version)]
pub struct Config {
    /// Of every service.
    #[command(flatten)]
    pub chassis: chassis::Config,
    /// Of the store.
    #[command(flatten)]
    pub store: ::store::Config,
    /// Of the broker.
    #[command(flatten)]
    pub messaging: messaging::Config,
    /// Of the guarded call.
    #[command(flatten)]
    pub calls: calls::Config,

    /// Where payment is
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8083")]
    pub payment_url: String,

    /// The file with the private key (Ed25519, PEM) with which match tells payment that it is match. Without it payment must run open
    #[arg(long, env = "CALL_KEY_FILE")]
    pub call_key_file: Option<PathBuf>,

    /// A request that is undecided for longer is undone by the recovery: longer than the time limit of the call
    #[arg(long, env = "SETTLE_AFTER", default_value = "3s", value_parser = humantime::parse_duration)]
    pub settle_after: Duration,

    /// How often the recovery looks
    #[arg(long, env = "SETTLE_EVERY", default_value = "1s", value_parser = humantime::parse_duration)]
    pub settle_every: Duration,

    /// How long an Idempotency-Key is remembered
    #[arg(long, env = "IDEMPOTENCY_RETENTION", default_value = "24h", value_parser = humantime::parse_duration)]
    pub idempotency_retention: Duration,

    /// How often a match that somebody watches is looked at: 50ms to 1m
    #[arg(long, env = "WATCH_EVERY", default_value = "1s", value_parser = watch_every)]
    pub watch_every: Duration,

    /// The most clients that watch matches at a time
    #[arg(long, env = "WATCHERS", default_value = "256")]
    pub watchers: u32,

    /// Another way to payment than HTTP: for simulations
    #[arg(skip)]
    pub payment_transport: Option<Transport>,
}

fn watch_every(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_millis(50)..=Duration::from_mins(1);
    allowed.contains(&every).then_some(every).ok_or_else(|| "must be from 50ms to 1m".to_owned())
}

/// Puts the context together.
pub async fn build(config: Config, host: Host) -> anyhow::Result<Router> {
    anyhow::ensure!(
        config.settle_after > config.calls.call_time_limit,
        "SETTLE_AFTER must be longer than CALL_TIME_LIMIT"
    );
    anyhow::ensure!(
        config.chassis.trust.pass_key_file.is_none() || config.call_key_file.is_some(),
        "PASS_KEY_FILE is set and CALL_KEY_FILE is not: payment would refuse every call of match"
    );
    let payments = Arc::new(PaymentCalls::new(&config, &host)?);
    let db = Store::open(&config.store, &[messaging::MIGRATIONS, ::store::idempotency::MIGRATIONS, MIGRATIONS]).await?;
    host.readiness("store", db.readiness());
    let messaging = Messaging::new(&config.messaging, "match", &db, &host);
    let matches = MatchStore::new(&db, messaging.outbox());

    let recovery = Recovery::new(matches.clone(), payments.clone(), host.clock(), config.settle_every);
    let app = App::new(matches.clone(), payments, recovery.wake(), host.clock(), host.ids(), config.settle_after);
    recovery.start(&host);
    ::store::idempotency::start_purging(&db, &host, config.idempotency_retention);

    let operation = messaging.start(&host, MatchPolicies::new(matches))?;
    let app = Arc::new(app);
    let watching = Watching::new(config.watch_every, WATCHED_AGAIN_AFTER, config.watchers);
    let grpc = grpc::routes(Arc::clone(&app), &host, watching)?;
    Ok(routes(app, host).merge(grpc).merge(operation))
}
