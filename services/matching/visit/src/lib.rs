//! The visit context: tutors read the visit requests and confirm one.
//!
//! | file | what |
//! |---|---|
//! | `http.rs`, `bodies.rs` | inbound: REST, and what it promises; what requests and answers carry |
//! | `policies.rs` | inbound: what other contexts say |
//! | `store.rs` | outbound: SQL |
//!
//! There are no use cases between them: each is one rule of `visit-domain` under the lock of one row.

mod bodies;
mod http;
mod policies;
mod store;

use ::store::{Migrations, Store};
use axum::Router;
use chassis::Host;
use messaging::Messaging;

pub use http::{document, routes};
pub use policies::VisitPolicies;
pub use store::VisitStore;

/// The context's own tables.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// All settings of the process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
#[command(name = "visit", about = "The visit context: tutors read the visit requests and confirm one", version)]
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
}

/// Puts the context together.
pub async fn build(config: Config, host: Host) -> anyhow::Result<Router> {
    let db = Store::open(&config.store, &[messaging::MIGRATIONS, MIGRATIONS]).await?;
    host.readiness("store", db.readiness());
    let messaging = Messaging::new(&config.messaging, "visit", &db, &host);
    let visits = VisitStore::new(&db, messaging.outbox(), host.clock());
    let operation = messaging.start(&host, VisitPolicies::new(visits.clone()))?;
    Ok(routes(visits).merge(operation))
}
