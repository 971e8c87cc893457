//! The only way in: what reaches a service, and how.
//!
//! A request passes, from the outside in:
//!
//! | layer | its one reason |
//! |---|---|
//! | `chassis` | one server for all binaries: connection limits, shutdown, `/livez`, `/readyz`, `/metrics` |
//! | [`tls`] | if it has a certificate, what is said is for the two ends alone |
//! | compression | long answers take less of the line; it is within [`cors`], which must not care |
//! | [`cors`] | browsers must be able to read errors too, so it is around everything |
//! | [`proxy`] | a trace begins, and the request is counted whatever becomes of it |
//! | [`path`], [`routes`] | only what is opened is reached, and by a path that can be read in one way |
//! | [`lane`] | methods and seats: one slow service cannot take the gateway away from the others |
//! | [`guard`] | who asks is known, by a token of the identity provider ([`trusted`], [`provider`]) |
//! | [`rate`] | nobody takes the others' share: counted by who asks, else by address ([`clients`]) |
//! | [`headers`] | services may believe what the headers say of the client |
//! | [`upload`] | a body is whole before its service hears of it, so that a slow client holds up nobody |
//! | [`body`] | answers pass as they come, and neither side can hold the other for ever |
//! | [`grpc`] | whoever speaks gRPC is spoken to by HTTP/2, and told by a status how it ended |
//! | [`replicas`] | a replica that fails is left out, and what was not done is asked of another |
//! | [`upstream`] | connections are kept open, but not for so long that new replicas are never found |
//! | [`refusal`] | one place turns what went wrong into an answer |

use std::sync::Arc;

use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::json;

pub mod body;
pub mod clients;
pub mod config;
pub mod cors;
pub mod grpc;
pub mod guard;
pub mod headers;
pub mod lane;
pub mod observe;
pub mod overview;
pub mod path;
pub mod provider;
pub mod proxy;
pub mod rate;
pub mod refusal;
pub mod reload;
pub mod replicas;
pub mod routes;
pub mod tls;
pub mod trusted;
pub mod upload;
pub mod upstream;

use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use config::Config;
use guard::Guard;
use overview::Overview;
use proxy::Proxy;

/// Everything that the gateway answers, except for what `chassis` adds. Without a guard it is open.
pub fn router(config: Config, guard: Option<Arc<Guard>>, host: &chassis::Host) -> Router {
    let overview = Arc::new(Overview::new(&config));
    let proxy = Arc::new(Proxy::new(&config, guard, host));
    let compress_from = config.limits.compress_from;
    let router = Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "up" }))))
        .route("/healthz/services", get(async move || overview.answer().await))
        // Not a fallback: that place belongs to chassis.
        .route("/", any(Proxy::answer))
        .route("/{*path}", any(Proxy::answer))
        .with_state(proxy);
    let router = if compress_from > 0 { router.layer(compression(compress_from)) } else { router };
    match config.cors {
        Some(cors) => router.layer(cors.layer()),
        None => router,
    }
}

/// Compresses answers of so many bytes and more. Live streams are left alone: what they say must arrive when it is said.
fn compression(from: u16) -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(
        SizeAbove::new(from).and(NotForContentType::SSE).and(NotForContentType::GRPC).and(NotForContentType::IMAGES),
    )
}
