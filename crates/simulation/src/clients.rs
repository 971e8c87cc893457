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
}

impl Clients {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), clock: world.clock(), history: Mutex::default() }
    }

    /// All operations with their responses.
    pub(crate) fn history(&self) -> Vec<Operation> {
        lock(&self.history).clone()
    }

    /// Sends a request to a context. `None`: there was no response.
    pub async fn send(&self, context: &str, method: Method, path: &str, body: &Value) -> Option<Response> {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().ok()?;
        request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        timeout(REQUEST_TIMEOUT, self.world.call("clients", context, request)).await.ok()?.ok()
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
