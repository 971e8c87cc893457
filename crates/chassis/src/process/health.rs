use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::{BoxFuture, join_all};
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// The default timeout of a Kubernetes probe is one second: the response must come before.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Liveness (not stuck) and readiness (may receive requests) of the process.
pub(crate) struct Health {
    draining: CancellationToken,
    checks: Mutex<Vec<(&'static str, Arc<Check>)>>,
    heartbeats: Mutex<Vec<Arc<HeartbeatState>>>,
    /// The names of the gRPC services.
    services: Mutex<Vec<&'static str>>,
}

impl Health {
    pub(crate) const fn new(draining: CancellationToken) -> Self {
        Self {
            draining,
            checks: Mutex::new(Vec::new()),
            heartbeats: Mutex::new(Vec::new()),
            services: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn add_check(&self, name: &'static str, check: Check) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push((name, Arc::new(check)));
    }

    pub(crate) fn add_heartbeat(&self, name: &'static str, max_age: Duration) -> Heartbeat {
        let heartbeat =
            Arc::new(HeartbeatState { name, max_age, since: Instant::now(), last_beat_ms: AtomicU64::new(0) });
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&heartbeat));
        Heartbeat(heartbeat)
    }

    pub(crate) fn add_service(&self, service: &'static str) {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).push(service);
    }

    /// Whether the process serves this gRPC service. The empty name is that of the whole process.
    pub(crate) fn has_service(&self, service: &str) -> bool {
        service.is_empty() || self.services.lock().unwrap_or_else(PoisonError::into_inner).contains(&service)
    }

    /// Name and reason of every stale heartbeat.
    fn stale(&self) -> Map<String, Value> {
        let heartbeats = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        heartbeats.iter().filter_map(|heartbeat| Some((heartbeat.name.to_owned(), heartbeat.stale()?.into()))).collect()
    }

    /// Whether all checks pass, and the result of each. The checks run concurrently.
    pub(crate) async fn readiness(&self) -> (bool, Map<String, Value>) {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let results = join_all(checks.into_iter().map(async |(name, check)| (name, outcome(&check).await))).await;
        let draining = self.draining.is_cancelled();
        let ready = !draining && results.iter().all(|(_, result)| result.is_ok());
        let described = results.into_iter().map(|(name, result)| (name.to_owned(), describe(result)));
        let shutdown = draining.then(|| ("shutdown".to_owned(), "the process is shutting down".into()));
        (ready, described.chain(shutdown).collect())
    }
}

async fn outcome(check: &Check) -> Result<(), String> {
    timeout(CHECK_TIMEOUT, check()).await.unwrap_or_else(|_| Err("no answer within 1 s".to_owned()))
}

fn describe(result: Result<(), String>) -> Value {
    result.map_or_else(Value::from, |()| "ok".into())
}

/// The heartbeat of a loop that must not get stuck: call [`beat`](Self::beat) once per turn.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<HeartbeatState>);

impl Heartbeat {
    /// Records that the loop is alive. Cheap.
    pub fn beat(&self) {
        self.0.last_beat_ms.store(millis(self.0.since.elapsed()), Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct HeartbeatState {
    name: &'static str,
    max_age: Duration,
    since: Instant,
    last_beat_ms: AtomicU64,
}

impl HeartbeatState {
    fn stale(&self) -> Option<String> {
        let last_beat = Duration::from_millis(self.last_beat_ms.load(Ordering::Relaxed));
        let age = self.since.elapsed().saturating_sub(last_beat);
        (age > self.max_age).then(|| format!("no sign of life for {age:.1?}, {:?} are allowed", self.max_age))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn routes(health: Arc<Health>) -> Router {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(health)
}

async fn livez(State(health): State<Arc<Health>>) -> Response {
    let stale = health.stale();
    if stale.is_empty() {
        return Json(json!({ "status": "alive" })).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "stuck", "stale": stale }))).into_response()
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let (ready, checks) = health.readiness().await;
    let (status, word) = if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not-ready") };
    (status, Json(json!({ "status": word, "checks": checks }))).into_response()
}
