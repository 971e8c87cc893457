//! The payment context: takes the price of a match, and gives it back.
//!
//! | file | what |
//! |---|---|
//! | `app.rs` | the use cases: approve, cancel |
//! | `refunds.rs` | makes the provider give back what is cancelled |
//! | `provider.rs`, `simulator.rs` | the port to who really takes money, and the simulator behind it |
//! | `fault.rs` | what the simulator can make go wrong with the process |
//! | `http.rs`, `bodies.rs` | inbound: REST, and what it promises; `/approvals` and `/cancellations` are for other contexts only, no gateway routes them |
//! | `policies.rs` | inbound: what other contexts say |
//! | `store.rs` | outbound: SQL |

mod app;
mod bodies;
mod fault;
mod http;
mod policies;
mod provider;
mod refunds;
mod simulator;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use ::store::{Migrations, Store};
use axum::Router;
use chassis::Host;
use messaging::Messaging;

pub use app::{App, Asked};
pub use fault::{Fault, Kind as FaultKind};
pub use http::{document, routes};
pub use policies::PaymentPolicies;
pub use provider::{ChargeError, OtherProvider, Provider};
pub use refunds::start as start_refunds;
pub use simulator::{Settings, Simulator};
pub use store::PaymentStore;

/// The context's own tables.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// All settings of the process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
#[command(name = "payment", about = "The payment context: takes the price of a match, and gives it back", version)]
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

    /// Settings of the simulated provider, read again when the file changes; without it, it approves at once.
    ///
    /// JSON, all fields optional: {"delayMs": 400, "jitterMs": 300, "declineRate": 0.1, "failureRate": 0.05,
    /// "fault": {"kind": "stuck", "number": 1}}, or "outOfMemory": once, for the processes that run when it is written, or for
    /// the one that "host" names.
    #[arg(long, env = "PAYMENT_SIMULATOR_FILE")]
    pub payment_simulator_file: Option<PathBuf>,

    /// Another provider than the simulated one
    #[arg(skip)]
    pub provider: OtherProvider,
}

/// Puts the context together.
pub async fn build(config: Config, host: Host) -> anyhow::Result<Router> {
    let db = Store::open(&config.store, &[messaging::MIGRATIONS, MIGRATIONS]).await?;
    host.readiness("store", db.readiness());
    let messaging = Messaging::new(&config.messaging, "payment", &db, &host);
    let payments = PaymentStore::new(&db, messaging.outbox());
    let provider = provider(&config, &host);
    let refunds = start_refunds(payments.clone(), provider.clone(), &host);
    let app = Arc::new(App::new(payments.clone(), provider, refunds.clone()));
    let operation = messaging.start(&host, PaymentPolicies::new(payments, refunds))?;
    Ok(routes(app, host).merge(operation))
}

fn provider(config: &Config, host: &Host) -> Arc<dyn Provider> {
    if let Some(other) = &config.provider.0 {
        return Arc::clone(other);
    }
    let simulator = Arc::new(Simulator::new(host.ids()));
    if let Some(file) = &config.payment_simulator_file {
        simulator::start_watching(&simulator, file.clone(), host);
    }
    simulator
}
