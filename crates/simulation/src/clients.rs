use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::Clock;
use async_trait::async_trait;
use audit::{Operation as Recorded, Verdict};
use axum::body::Body;
use fastrand::Rng;
use http::{Method, Request, header};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use workload::{Actor, Call, Operation, Response};

use crate::World;
use crate::world::lock;

/// The timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// Prefixes of paths, each with the context that serves them.
pub(crate) type Routes = &'static [(&'static str, &'static str)];

/// The clients of a run, with the history of their operations. A request goes to the context that serves its path.
pub struct Clients {
    world: Arc<World>,
    clock: Arc<dyn Clock>,
    routes: Routes,
    over: CancellationToken,
    history: Mutex<Vec<Recorded>>,
    violations: Mutex<Vec<String>>,
}

impl Clients {
    pub(crate) fn new(world: &Arc<World>, routes: Routes) -> Self {
        Self {
            world: Arc::clone(world),
            clock: world.clock(),
            routes,
            over: CancellationToken::new(),
            history: Mutex::default(),
            violations: Mutex::default(),
        }
    }

    /// An actor of this run. All of them have one [`Actor::over`]: a fleet cancels it if some of its actors do not end by
    /// themselves.
    pub fn actor(self: &Arc<Self>, number: i64) -> Actor {
        let seed = self.world.draw(|rng| rng.i64(0..=i64::MAX)).unsigned_abs();
        Actor { clients: Arc::clone(self) as _, number, random: Rng::with_seed(seed), over: self.over.clone() }
    }

    /// All operations with their responses.
    pub(crate) fn history(&self) -> Vec<Recorded> {
        lock(&self.history).clone()
    }

    /// Whether all responses that actors have received are documented, and consistent.
    pub(crate) fn judge_responses(&self) -> Verdict {
        let mut verdict = Verdict::new("every response to an actor is documented");
        let violations = lock(&self.violations).clone();
        verdict.looked_at = lock(&self.history).len().max(violations.len());
        for violation in violations {
            verdict.violated(0, violation);
        }
        verdict
    }

    fn violation(&self, what: String) {
        self.world.record("clients", None, what.clone());
        lock(&self.violations).push(what);
    }
}

#[async_trait]
impl workload::Clients for Clients {
    async fn send(&self, call: Call) -> Option<Response> {
        let (_, context) = self.routes.iter().find(|(prefix, _)| call.path.starts_with(prefix))?;
        let request = request(&call)?;
        let response = timeout(REQUEST_TIMEOUT, self.world.call("clients", context, request)).await.ok()?.ok()?;
        let status = response.status.as_u16();
        let Call { operation, method, path, .. } = call;
        if !operation.documents(status) {
            let body = String::from_utf8_lossy(&response.body);
            self.violation(format!("{method} {path} ({operation}): response {status}: {body}"));
        }
        Some(Response { status, body: serde_json::from_slice(&response.body).unwrap_or(Value::Null) })
    }

    /// A stream that is open at the end of this time has no response: a response is complete here.
    async fn watch(&self, operation: Operation, path: &str, span: Duration) {
        let _still_open = timeout(span, self.send(Call::get(operation, path))).await;
    }

    fn record(&self, operation: Recorded) {
        let operation = operation.at(self.clock.now());
        self.world.record("clients", Some(operation.id), operation.to_string());
        lock(&self.history).push(operation);
    }

    fn contradiction(&self, what: String) {
        self.violation(what);
    }
}

/// A request with a JSON body, if there is one.
fn request(call: &Call) -> Option<Request<Body>> {
    let method: Method = call.method.parse().ok()?;
    let request = Request::builder().method(method).uri(&call.path);
    let request = call.key.iter().fold(request, |request, key| request.header("idempotency-key", key));
    match &call.body {
        Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(body.to_string().into()),
        None => request.body(Body::empty()),
    }
    .ok()
}
