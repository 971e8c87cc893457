//! Guarded synchronous calls over HTTP, for callers that need the result at once. A slow or broken callee costs a
//! caller a limited time and a limited number of waiting calls.
//!
//! [`Client`] is the entry point: one per callee, cheap to clone. Its guards are a tower stack (see `client.rs`):
//! circuit breaker, concurrency limit, time limit, HTTP exchange. Errors are [`CallError`]s. [`CallError::certainly_not_sent`]
//! states whether the caller may proceed as if the call had not been made.
//!
//! Nothing is sent twice: only the caller knows whether a call may be repeated.

use std::pin::Pin;

pub mod breaker;
mod client;
mod config;
mod error;
mod exchange;
mod meter;
mod response;

pub use client::{Client, Transport};
pub use config::{Config, ConfigError};
pub use error::CallError;
pub use response::CallResponse;

/// What every layer returns. One allocation per layer and call is cheap compared with an HTTP exchange.
type CallFuture<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;
