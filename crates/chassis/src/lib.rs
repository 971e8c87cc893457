//! What a service is: configuration, HTTP server, health, problem+json, metrics, shutdown.
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

mod asker;
pub mod body;
mod config;
pub mod grpc;
mod health;
mod host;
mod http_metrics;
pub mod openapi;
pub mod page;
mod probe;
pub mod problem;
mod router;
mod run;
mod server;
pub mod spans;
mod tasks;
mod telemetry;
pub mod trace;
mod unread;
mod workers;

pub use asker::{Asker, OnlyOperators, OnlyServices, Scope, Trust, TrustError};
pub use config::{Config, LogFormat, Threads};
pub use health::Heartbeat;
pub use host::Host;
pub use http_metrics::method_label;
pub use probe::NotReady;
pub use router::{App, OWN_PATHS, router};
pub use run::{RunError, run, run_until};
pub use server::{Answers, Encrypted, Handshake, Peer, Plain, Protocol, ServeLimits, serve};
pub use spans::Spans;
pub use telemetry::{TelemetryError, start as start_telemetry};
pub use workers::Workers;
