//! gRPC beside REST: on the same port, with the same limits, authentication, traces and metrics.
//!
//! Problems are translated into gRPC statuses. The details carry the invalid fields and the retry delay.

mod health;
mod layer;
mod routes;
pub(crate) mod status;

pub use crate::http::media_types::is_grpc;
pub(crate) use health::health;
pub(crate) use layer::translate_problems;
pub use routes::{reflection, routes};
pub use status::{in_grpc, outcome, trailers};
