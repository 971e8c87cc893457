//! The match context: a student requests a match, pays, and may cancel.
//!
//! | file | content |
//! |---|---|
//! | `saga.rs`, `payment.rs` | the saga of a request, and payment, its participant |
//! | `use_cases.rs` | request, cancel, find |
//! | `commands.rs` | what REST and gRPC have in common: roles, validation, problems |
//! | `http.rs`, `bodies.rs`, `grpc.rs`, `watching.rs` | REST with its bodies, gRPC, and watched matches |
//! | `policies.rs` | the events of other contexts |
//! | `store.rs` | SQL |

mod bodies;
mod commands;
mod config;
pub mod grpc;
mod http;
mod payment;
mod policies;
mod saga;
mod store;
mod use_cases;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use ::store::{Migrations, Store};
use axum::Router;
use chassis::Host;
use context::saga::Saga;
use messaging::Messaging;

pub use config::Config;
pub use http::{document, routes};
pub use payment::PaymentParticipant;
pub use policies::MatchPolicies;
pub use saga::RequestSaga;
pub use store::MatchStore;
pub use use_cases::{CancelOutcome, RequestOutcome, UseCases};
pub use watching::Watching;

/// The context's own tables.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// The state of a watched match is sent again after this time, before the gateway ends a silent stream.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// Builds the context.
pub async fn build(config: Config, host: Host) -> anyhow::Result<Router> {
    anyhow::ensure!(
        config.compensate_after > config.calls.call_time_limit,
        "COMPENSATE_AFTER must be longer than CALL_TIME_LIMIT"
    );
    anyhow::ensure!(
        config.chassis.trust.internal_token_public_key_file.is_none() || config.service_signing_key_file.is_some(),
        "INTERNAL_TOKEN_PUBLIC_KEY_FILE is set and SERVICE_SIGNING_KEY_FILE is not: payment would reject every call of match"
    );
    let payment = Arc::new(PaymentParticipant::new(&config, &host)?);
    let db = Store::open(&config.store, &[messaging::MIGRATIONS, ::store::idempotency::MIGRATIONS, MIGRATIONS]).await?;
    host.readiness("store", db.readiness());
    let messaging = Messaging::new(&config.messaging, "match", &db, &host);
    let matches = MatchStore::new(&db, messaging.outbox());

    let saga = Saga::new(vec![payment], &db, messaging.outbox(), &host, config.compensate_after)?;
    let saga = Arc::new(saga);
    saga.start_recovery(&host, config.compensate_every);
    context::start_purging(&db, &host, config.idempotency_retention);

    let operation = messaging.start(&host, MatchPolicies::new(matches.clone()))?;
    let use_cases = Arc::new(UseCases::new(matches, saga, host.clock(), host.ids()));
    let watching = Watching::new(config.watch_every, REPEAT_AFTER, config.watchers);
    let grpc = grpc::routes(Arc::clone(&use_cases), &host, watching)?;
    Ok(routes(use_cases, host).merge(grpc).merge(operation))
}
