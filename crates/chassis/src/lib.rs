//! The chassis of a service: configuration, HTTP server, health, problem+json, metrics, shutdown.
//!
//! A service binary parses its configuration and hands [`run`] a function that builds its routes:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use clap::Parser;
//!
//! /// Greets.
//! #[derive(Parser)]
//! struct Settings {
//!     #[command(flatten)]
//!     chassis: chassis::Config,
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     chassis::run("greeter", Settings::parse().chassis, async |host| {
//!         let stopping = host.stopping();
//!         host.spawn("work", async move { stopping.cancelled().await });
//!         Ok(Router::new().route("/greetings", get("hello")))
//!     })
//! }
//! ```

mod auth;
pub mod grpc;
mod http;
pub mod openapi;
mod process;
mod telemetry;

/// Defences against web pages that make a browser send requests to this process.
///
/// A browser runs pages of any site beside a fleet that listens on its machine. Three rules protect the fleet:
///
/// - A process accepts requests for its own hosts only ([`AllowedHosts`](access::AllowedHosts)). After DNS rebinding a
///   page still sends the host name of its own site.
/// - An unsafe request needs a content type that requires a CORS preflight: [`needs_preflight`](access::needs_preflight).
/// - An unsafe request that the browser marks as cross-origin is rejected: [`is_cross_origin`](access::is_cross_origin).
pub mod access {
    pub use crate::http::allowed_hosts::{AllowedHosts, Destination, HostError, HostNames};
    pub use crate::http::cross_origin::{add_accept_header, is_cross_origin, is_safe, needs_preflight};
}

pub use auth::principal::{Principal, RequireOperator, RequireService, Scope, Tenancy};
pub use auth::trust::{AuthSettings, AuthSettingsError};
pub use http::connection::{Encrypted, HttpService, Peer};
pub use http::connection_limit::network;
pub use http::handshake::{Handshake, Plain, Protocol};
pub use http::limits::ServeLimits;
pub use http::listener::listen;
pub use http::router::{Application, OWN_PATHS, router, router_for};
pub use http::server::serve;
pub use http::share::Share;
pub use http::{authority, body, conditional, page, problem, query};
pub use process::config::{Config, LogFormat, Threads};
pub use process::health::Heartbeat;
pub use process::host::Host;
pub use process::probe::NotReady;
pub use process::run::{RunError, run, run_until};
pub use process::settings::{settings, settings_by, warn_of_old_names};
pub use process::workers::Workers;
pub use telemetry::logs::{TelemetryError, start as start_telemetry};
pub use telemetry::metrics::method_label;
pub use telemetry::spans::{self, Spans};
pub use telemetry::trace;
