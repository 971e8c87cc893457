use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::telemetry::log_limit::SUPPRESSED;

const REQUESTS: &str = "http_requests_total";
const SECONDS: &str = "http_request_duration_seconds";
const REFUSED: &str = "http_connections_refused_total";
const MEMORY: &str = "process_resident_memory_bytes";

/// For all durations in seconds: from a cached row to a client that has given up.
const SECONDS_BUCKETS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];

/// For lead times, from a second to a week: metrics whose names end with `_lead_seconds`.
const LEAD_BUCKETS: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0];

/// The exporter of this process. There is one recorder per process, for all servers that a test starts in it.
pub(crate) fn exporter() -> &'static PrometheusHandle {
    static EXPORTER: OnceLock<PrometheusHandle> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix("_lead_seconds".to_owned()), &LEAD_BUCKETS)
            })
            .unwrap_or_default()
            .build_recorder();
        let exporter = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics stays empty");
        }
        metrics::describe_counter!(REQUESTS, "Requests answered, by route");
        metrics::describe_histogram!(SECONDS, "Time from the head of a request to the head of its answer, by route");
        metrics::describe_counter!(REFUSED, "Connections closed at once: there were as many as there may be");
        metrics::describe_counter!(SUPPRESSED, "Log lines left out, as their call site logs too often");
        metrics::describe_gauge!(MEMORY, "Memory of the process that is in RAM");
        exporter
    })
}

pub(crate) fn routes() -> Router {
    let exporter = exporter();
    Router::new().route("/metrics", get(async || ([(CONTENT_TYPE, "text/plain; version=0.0.4")], render(exporter))))
}

fn render(exporter: &PrometheusHandle) -> String {
    if let Some(bytes) = resident_memory() {
        metrics::gauge!(MEMORY).set(bytes);
    }
    exporter.render()
}

/// Linux only.
fn resident_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

/// Counts a connection that was closed because of a limit.
pub(crate) fn count_refused_connection() {
    metrics::counter!(REFUSED).increment(1);
}

/// Counts and times requests by route.
///
/// A lookup of a metric by its labels costs several allocations. A service has few routes, so the handles are cached.
#[derive(Debug, Default)]
pub(crate) struct RequestMetrics(RwLock<HashMap<String, RouteMetrics>>);

type RouteMetrics = HashMap<(&'static str, StatusCode), MetricHandles>;

#[derive(Clone)]
struct MetricHandles {
    count: Counter,
    seconds: Histogram,
}

impl std::fmt::Debug for MetricHandles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricHandles").finish_non_exhaustive()
    }
}

impl RequestMetrics {
    pub(crate) fn record(&self, method: &'static str, route: &str, status: StatusCode, took: Duration) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = known.get(route).and_then(|route| route.get(&(method, status))) {
            return recorded.add(took);
        }
        drop(known);
        let recorded = MetricHandles::new(method, route, status);
        recorded.add(took);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(route.to_owned()).or_default().insert((method, status), recorded);
    }
}

impl MetricHandles {
    fn new(method: &'static str, route: &str, status: StatusCode) -> Self {
        let route = SharedString::from(route.to_owned());
        let count = metrics::counter!(
            REQUESTS, "method" => method, "route" => route.clone(), "status" => status.as_u16().to_string()
        );
        Self { count, seconds: metrics::histogram!(SECONDS, "method" => method, "route" => route) }
    }

    fn add(&self, took: Duration) {
        self.count.increment(1);
        self.seconds.record(took);
    }
}

/// The method as a metric label. Clients can invent methods; the number of labels must stay small.
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
