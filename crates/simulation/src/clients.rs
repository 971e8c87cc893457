use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::Clock;
use audit::Operation;
use axum::body::Body;
use http::{Method, Request, header};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::world::lock;
use crate::{Response, World};

/// The timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// The clients of a run, with the history of their operations.
pub struct Clients {
    world: Arc<World>,
    clock: Arc<dyn Clock>,
    history: Mutex<Vec<Operation>>,
    violations: Mutex<Vec<String>>,
}

impl Clients {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), clock: world.clock(), history: Mutex::default(), violations: Mutex::default() }
    }

    /// All operations with their responses.
    pub(crate) fn history(&self) -> Vec<Operation> {
        lock(&self.history).clone()
    }

    /// Sends a request to a context. `None`: there was no response.
    pub async fn send(&self, context: &str, method: Method, path: &str, body: &Value) -> Option<Response> {
        self.send_to(context, request(method, path, Some(body), None)?).await
    }

    pub(crate) async fn send_to(&self, context: &str, request: Request<Body>) -> Option<Response> {
        timeout(REQUEST_TIMEOUT, self.world.call("clients", context, request)).await.ok()?.ok()
    }

    /// Adds a response that is not documented, or contradicts an earlier one.
    pub(crate) fn violation(&self, what: String) {
        self.world.record("clients", None, what.clone());
        lock(&self.violations).push(what);
    }

    /// The responses that are not documented, or contradict earlier ones.
    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// Adds an operation to the history.
    pub fn record(&self, operation: Operation) {
        let operation = operation.at(self.clock.now());
        self.world.record("clients", Some(operation.id), operation.to_string());
        lock(&self.history).push(operation);
    }

    /// Waits for a random time, of this many milliseconds at most.
    pub async fn pause(&self, max_ms: u64) {
        sleep(self.world.span(Duration::ZERO..Duration::from_millis(max_ms))).await;
    }

    /// A random number within these bounds.
    pub fn draw(&self, from: i64, to: i64) -> i64 {
        self.world.draw(|rng| rng.i64(from..=to))
    }

    /// A random index below `length`; 0 if there is none.
    pub fn index(&self, length: usize) -> usize {
        self.world.draw(|rng| rng.usize(0..length.max(1)))
    }
}

/// A request with a JSON body, if there is one.
pub(crate) fn request(method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Option<Request<Body>> {
    let request = Request::builder().method(method).uri(path);
    let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
    match body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string().into()),
        None => request.body(Body::empty()),
    }
    .ok()
}
