//! Metrics of requests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, SharedString};

const REQUESTS: &str = "gateway_requests_total";
const DURATION: &str = "gateway_request_duration_seconds";
const ERRORS: &str = "gateway_upstream_errors_total";
const IN_FLIGHT: &str = "gateway_requests_in_flight";

/// Describes the metrics, once per process.
pub fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests answered, by route, method and status");
    metrics::describe_histogram!(DURATION, "Time from the head of a request to the head of its answer, by route");
    metrics::describe_counter!(ERRORS, "Requests that their service did not answer in full, by route and kind");
    metrics::describe_gauge!(IN_FLIGHT, "Requests whose answer has not ended, by route");
}

/// The metrics of one route.
///
/// The handles are cached: a lookup by labels costs several allocations.
pub struct RouteMetrics {
    route: SharedString,
    seconds: Histogram,
    in_flight: Gauge,
    responses: RwLock<HashMap<(&'static str, StatusCode), Counter>>,
}

impl fmt::Debug for RouteMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteMetrics").field("route", &self.route).finish_non_exhaustive()
    }
}

impl RouteMetrics {
    /// The metrics with this `route` label.
    pub fn new(route: impl Into<SharedString>) -> Self {
        let route = route.into();
        let seconds = metrics::histogram!(DURATION, "route" => route.clone());
        let in_flight = metrics::gauge!(IN_FLIGHT, "route" => route.clone());
        Self { route, seconds, in_flight, responses: RwLock::default() }
    }

    /// The `route` label.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Records a response.
    pub fn record_response(&self, method: &'static str, status: StatusCode, duration: Duration) {
        self.seconds.record(duration);
        let counters = self.responses.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(&(method, status)) {
            return counter.increment(1);
        }
        drop(counters);
        let counter = metrics::counter!(
            REQUESTS, "route" => self.route.clone(), "method" => method, "status" => status.as_u16().to_string()
        );
        counter.increment(1);
        self.responses.write().unwrap_or_else(PoisonError::into_inner).insert((method, status), counter);
    }

    /// Records a fault of the service.
    pub fn record_error(&self, kind: &'static str) {
        metrics::counter!(ERRORS, "route" => self.route.clone(), "kind" => kind).increment(1);
    }

    /// A request is in flight.
    pub fn request_started(&self) {
        self.in_flight.increment(1);
    }

    /// The response has ended.
    pub fn request_finished(&self) {
        self.in_flight.decrement(1);
    }
}
