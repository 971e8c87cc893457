//! The mypage context: what a student sees of a match, and as it happens. Fed by events alone.
//!
//! | file | what |
//! |---|---|
//! | `http.rs`, `bodies.rs` | inbound: REST, and what it promises; what answers carry |
//! | `stream.rs` | inbound: the live stream of a page |
//! | `policies.rs` | inbound: what other contexts say |
//! | `changes.rs` | from the policies to open streams |
//! | `store.rs` | outbound: SQL |

mod bodies;
mod changes;
mod http;
mod policies;
mod store;
mod stream;

use std::sync::Arc;

use ::store::{Migrations, Store};
use axum::Router;
use chassis::Host;
use messaging::Messaging;

pub use changes::Changes;
pub use http::{document, routes};
pub use policies::MyPagePolicies;
pub use store::MyPageStore;

/// The context's own tables.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// All settings of the process.
#[derive(Debug, Clone, clap::Parser)]
#[group(skip)]
#[command(name = "mypage", about = "The mypage context: what a student sees of a match, as it happens", version)]
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

    /// Live streams that may be open at the same time; the next one is told to come back
    #[arg(long, env = "MYPAGE_STREAMS", default_value_t = 1000)]
    pub mypage_streams: usize,
}

/// Puts the context together.
pub async fn build(config: Config, host: Host) -> anyhow::Result<Router> {
    let db = Store::open(&config.store, &[messaging::MIGRATIONS, MIGRATIONS]).await?;
    host.readiness("store", db.readiness());
    let messaging = Messaging::new(&config.messaging, "mypage", &db, &host);
    let pages = MyPageStore::new(&db);
    let changes = Arc::new(Changes::new(config.mypage_streams));
    let operation = messaging.start(&host, MyPagePolicies::new(pages.clone(), Arc::clone(&changes)))?;
    Ok(routes(pages, changes, host).merge(operation))
}
