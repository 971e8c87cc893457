//! What the gateway counts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, SharedString};

const REQUESTS: &str = "gateway_requests_total";
const SECONDS: &str = "gateway_request_duration_seconds";
const FAULTS: &str = "gateway_upstream_errors_total";
const IN_FLIGHT: &str = "gateway_requests_in_flight";

/// Says what the metrics mean, once per process.
pub fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests answered, by route, method and status");
    metrics::describe_histogram!(SECONDS, "Time from the head of a request to the head of its answer, by route");
    metrics::describe_counter!(FAULTS, "Requests that their service did not answer in full, by route and kind");
    metrics::describe_gauge!(IN_FLIGHT, "Requests whose answer has not ended, by route");
}

/// The metrics of one route.
///
/// Looking a metric up by its labels costs several allocations, so what was looked up is kept.
pub struct RouteMetrics {
    route: SharedString,
    seconds: Histogram,
    in_flight: Gauge,
    counts: RwLock<HashMap<(&'static str, StatusCode), Counter>>,
}

impl fmt::Debug for RouteMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteMetrics").field("route", &self.route).finish_non_exhaustive()
    }
}

impl RouteMetrics {
    /// The metrics of the route with this label.
    pub fn new(route: impl Into<SharedString>) -> Self {
        let route = route.into();
        let seconds = metrics::histogram!(SECONDS, "route" => route.clone());
        let in_flight = metrics::gauge!(IN_FLIGHT, "route" => route.clone());
        Self { route, seconds, in_flight, counts: RwLock::default() }
    }

    /// The label.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// A request was answered.
    pub fn answered(&self, method: &'static str, status: StatusCode, took: Duration) {
        self.seconds.record(took);
        let known = self.counts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(&(method, status)) {
            return count.increment(1);
        }
        drop(known);
        let count = metrics::counter!(
            REQUESTS, "route" => self.route.clone(), "method" => method, "status" => status.as_u16().to_string()
        );
        count.increment(1);
        self.counts.write().unwrap_or_else(PoisonError::into_inner).insert((method, status), count);
    }

    /// The service failed.
    pub fn fault(&self, kind: &'static str) {
        metrics::counter!(FAULTS, "route" => self.route.clone(), "kind" => kind).increment(1);
    }

    /// A request was let in.
    pub fn entered(&self) {
        self.in_flight.increment(1);
    }

    /// Its answer has ended.
    pub fn left(&self) {
        self.in_flight.decrement(1);
    }
}
