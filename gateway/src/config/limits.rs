//! The section `[limits]` of the routes file.

use std::time::Duration;

use chassis::Share;
use serde::Deserialize;

use crate::config::error::{ConfigError, invalid};
use crate::config::rate::Rate;
use crate::config::units::{duration, rate, share};

/// More connections to a replica bring nothing.
const MAX_GRPC_CONNECTIONS: u32 = 64;

/// Limits of requests and connections. Every key has a default. The aliases are the names of earlier versions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Maximum size of a request body in bytes.
    pub body: u64,
    /// Default time limit of a route.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// Maximum pause between two parts of a request body.
    #[serde(alias = "upload_idle", deserialize_with = "duration")]
    pub body_idle_timeout: Duration,
    /// Time limit for a whole request body.
    #[serde(alias = "upload_timeout", deserialize_with = "duration")]
    pub body_timeout: Duration,
    /// Memory for all buffered request bodies, in bytes.
    #[serde(alias = "uploads")]
    pub request_buffer_bytes: u64,
    /// Minimum size in bytes of a response that is compressed (gzip); 0 disables compression.
    #[serde(alias = "compress_from")]
    pub compression_min_bytes: u16,
    /// Maximum pause between two parts of a live stream.
    #[serde(deserialize_with = "duration")]
    pub stream_idle: Duration,
    /// Maximum number of requests in flight per route, and so of connections to a service.
    pub in_flight: u32,
    /// The share of `request_buffer_bytes`, and of `in_flight` of each route, that one client may use.
    #[serde(deserialize_with = "share")]
    pub share: Share,
    /// Rate of cancelled requests that one client may reach.
    #[serde(alias = "cancels", deserialize_with = "rate")]
    pub cancellation_rate: Option<Rate>,
    /// Connections to each replica that speaks gRPC. All calls of a client use one of them.
    pub grpc_connections: u32,
    /// Request rate of one client, over all routes without a rate of their own.
    #[serde(deserialize_with = "rate")]
    pub rate: Option<Rate>,
    /// The `Retry-After` of a 503.
    #[serde(deserialize_with = "duration")]
    pub retry_after: Duration,
    /// Time limit for opening a connection to a service.
    #[serde(deserialize_with = "duration")]
    pub connect_timeout: Duration,
    /// Attempts to connect after a refused connection: the name may resolve to another replica.
    pub connect_attempts: u32,
    /// Consecutive failures after which a replica is ejected, if there are others.
    #[serde(alias = "replica_failures")]
    pub consecutive_failures: u32,
    /// Duration of the first ejection; each further one in a row is longer.
    #[serde(alias = "replica_pause", deserialize_with = "duration")]
    pub base_ejection_time: Duration,
    /// Retry budget: the share of requests that may be retried, from 0 to 1.
    #[serde(alias = "retry_share")]
    pub retry_budget: f32,
    /// Retries per second that are allowed in addition to the budget.
    pub retries_per_second: u32,
    /// How long an idle connection is kept. The services must keep theirs longer (`HEADER_READ_TIMEOUT`).
    #[serde(deserialize_with = "duration")]
    pub pool_idle_timeout: Duration,
    /// Maximum number of idle connections per service.
    pub pool_max_idle: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 * 1024,
            timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            request_buffer_bytes: 16 * 1024 * 1024,
            compression_min_bytes: 1024,
            stream_idle: Duration::from_mins(1),
            in_flight: 512,
            share: Share::QUARTER,
            cancellation_rate: "500/10s".parse().ok(),
            grpc_connections: 8,
            rate: "1000/1s".parse().ok(),
            retry_after: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            connect_attempts: 2,
            consecutive_failures: 5,
            base_ejection_time: Duration::from_secs(10),
            retry_budget: 0.2,
            retries_per_second: 10,
            pool_idle_timeout: Duration::from_secs(4),
            pool_max_idle: 128,
        }
    }
}

/// Rejects values that cannot be used.
pub(super) fn validate(limits: &Limits) -> Result<(), ConfigError> {
    for (key, count) in [("in_flight", limits.in_flight), ("connect_attempts", limits.connect_attempts)] {
        if count == 0 {
            return Err(invalid(format!("limits.{key}"), "must be at least 1"));
        }
    }
    if !(1..=MAX_GRPC_CONNECTIONS).contains(&limits.grpc_connections) {
        return Err(invalid("limits.grpc_connections", format!("must be from 1 to {MAX_GRPC_CONNECTIONS}")));
    }
    if limits.consecutive_failures == 0 {
        return Err(invalid("limits.consecutive_failures", "must be at least 1"));
    }
    if limits.retry_budget != 0.0 && !(0.001..=1.0).contains(&limits.retry_budget) {
        return Err(invalid("limits.retry_budget", "must be 0, or a number from 0.001 to 1"));
    }
    if limits.retries_per_second > 1_000_000 {
        return Err(invalid("limits.retries_per_second", "must be at most 1000000"));
    }
    if limits.request_buffer_bytes < limits.body {
        return Err(invalid("limits.request_buffer_bytes", "must have room for one body at least (limits.body)"));
    }
    Ok(())
}
