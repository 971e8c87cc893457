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

/// A probe of Kubernetes gives up after a second unless told otherwise: the answer must come before.
const CHECK_TIME_LIMIT: Duration = Duration::from_secs(1);

pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Whether the process is alive (not stuck) and ready (may be sent requests).
pub(crate) struct Health {
    draining: CancellationToken,
    checks: Mutex<Vec<(&'static str, Arc<Check>)>>,
    pulses: Mutex<Vec<Arc<Pulse>>>,
    /// What is served by gRPC.
    services: Mutex<Vec<&'static str>>,
}

impl Health {
    pub(crate) const fn new(draining: CancellationToken) -> Self {
        Self {
            draining,
            checks: Mutex::new(Vec::new()),
            pulses: Mutex::new(Vec::new()),
            services: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn add_check(&self, name: &'static str, check: Check) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push((name, Arc::new(check)));
    }

    pub(crate) fn add_heartbeat(&self, name: &'static str, max_age: Duration) -> Heartbeat {
        let pulse = Arc::new(Pulse { name, max_age, since: Instant::now(), last_beat_ms: AtomicU64::new(0) });
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&pulse));
        Heartbeat(pulse)
    }

    pub(crate) fn serves(&self, service: &'static str) {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).push(service);
    }

    /// Whether this is the name of a service here. The empty one is that of the whole process.
    pub(crate) fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.lock().unwrap_or_else(PoisonError::into_inner).contains(&service)
    }

    /// Name and reason of every heartbeat that has stopped.
    fn stale(&self) -> Map<String, Value> {
        let pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().filter_map(|pulse| Some((pulse.name.to_owned(), pulse.stale()?.into()))).collect()
    }

    /// Every check with its result, and whether all is well. The checks run side by side.
    pub(crate) async fn readiness(&self) -> (bool, Map<String, Value>) {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let results = join_all(checks.into_iter().map(async |(name, check)| (name, outcome(&check).await))).await;
        let draining = self.draining.is_cancelled();
        let ready = !draining && results.iter().all(|(_, result)| result.is_ok());
        let described = results.into_iter().map(|(name, result)| (name.to_owned(), describe(result)));
        let shutdown = draining.then(|| ("shutdown".to_owned(), "the process was told to end".into()));
        (ready, described.chain(shutdown).collect())
    }
}

async fn outcome(check: &Check) -> Result<(), String> {
    timeout(CHECK_TIME_LIMIT, check()).await.unwrap_or_else(|_| Err("no answer within 1 s".to_owned()))
}

fn describe(result: Result<(), String>) -> Value {
    result.map_or_else(Value::from, |()| "ok".into())
}

/// The sign of life of a loop that must not get stuck: [`beat`](Self::beat) once per turn.
#[derive(Debug, Clone)]
pub struct Heartbeat(Arc<Pulse>);

impl Heartbeat {
    /// Says that the loop is still turning. Costs next to nothing.
    pub fn beat(&self) {
        self.0.last_beat_ms.store(millis(self.0.since.elapsed()), Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Pulse {
    name: &'static str,
    max_age: Duration,
    since: Instant,
    last_beat_ms: AtomicU64,
}

impl Pulse {
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
