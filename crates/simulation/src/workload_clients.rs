use std::sync::Arc;

use async_trait::async_trait;
use audit::Verdict;
use http::Method;
use serde_json::Value;
use workload::{Call, Response};

use crate::Clients;
use crate::clients::request;

/// The clients of a workload: requests go to the context that serves the path.
struct WorkloadClients {
    clients: Arc<Clients>,
    /// Prefixes of paths, each with its context.
    routes: &'static [(&'static str, &'static str)],
}

impl Clients {
    /// These clients for the actors of a workload. `routes` are prefixes of paths with the contexts that serve them.
    pub fn for_workload(
        self: &Arc<Self>,
        routes: &'static [(&'static str, &'static str)],
    ) -> Arc<dyn workload::Clients> {
        Arc::new(WorkloadClients { clients: Arc::clone(self), routes })
    }

    /// Whether all responses that actors have received are documented, and consistent.
    pub(crate) fn judge_responses(&self) -> Verdict {
        let mut verdict = Verdict::new("every response to an actor is documented");
        let violations = self.violations();
        verdict.looked_at = self.history().len().max(violations.len());
        for violation in violations {
            verdict.violated(0, violation);
        }
        verdict
    }
}

#[async_trait]
impl workload::Clients for WorkloadClients {
    async fn send(&self, call: Call) -> Option<Response> {
        let Call { operation, method, path, body, key } = call;
        let (_, context) = self.routes.iter().find(|(prefix, _)| path.starts_with(prefix))?;
        let method: Method = method.parse().ok()?;
        let request = request(method.clone(), &path, body.as_ref(), key.as_deref())?;
        let response = self.clients.send_to(context, request).await?;
        let status = response.status.as_u16();
        if !operation.documents(status) {
            let body = String::from_utf8_lossy(&response.body);
            self.clients.violation(format!("{method} {path} ({operation}): response {status}: {body}"));
        }
        Some(Response { status, body: serde_json::from_slice(&response.body).unwrap_or(Value::Null) })
    }

    fn record(&self, operation: audit::Operation) {
        self.clients.record(operation);
    }

    fn contradiction(&self, what: String) {
        self.clients.violation(what);
    }
}
