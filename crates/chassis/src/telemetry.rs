//! Logs, metrics and spans.

mod log_limit;
pub(crate) mod logs;
pub(crate) mod metrics;
pub mod spans;
pub mod trace;
