//! The guarded synchronous call: where the caller must know *now*, it asks over HTTP, and a slow or broken callee
//! may cost it a bounded time and a bounded number of waiting calls, nothing more.
//!
//! [`Client`] is the whole of it: one per callee, cloned freely. Its guards are a tower stack (see `client.rs`):
//! circuit breaker, bulkhead, time limit, and the HTTP exchange itself. What went wrong is a [`CallError`], whose
//! most important question is [`CallError::certainly_not_sent`]: may the caller act as if it had never asked?
//!
//! Nothing is sent twice. Whether a call may be repeated is known only by the caller.

use std::pin::Pin;

pub mod breaker;
mod bulkhead;
mod client;
mod config;
mod error;
mod exchange;
mod meter;
mod time_limit;

pub use client::{Client, Transport};
pub use config::{Config, ConfigError};
pub use error::CallError;
pub use exchange::Answer;

/// What every layer of the stack returns. One allocation per layer and call is little beside an HTTP exchange.
type CallFuture<T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send>>;
