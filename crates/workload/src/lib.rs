//! The actors of a fleet: they send requests, and record the responses for the auditor.
//!
//! A fleet writes its actors once. In a simulation their requests go to the routers of the contexts, on simulated time. In a
//! chaos run they go through the gateway of real processes. [`Clients`] is what both have in common.

mod actor;
mod call;
mod operation;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

pub use actor::Actor;
pub use call::Call;
pub use operation::Operation;

/// The clients of a run.
#[async_trait]
pub trait Clients: Send + Sync {
    /// Sends a request. `None`: there was no response.
    async fn send(&self, call: Call) -> Option<Response>;

    /// Holds a live stream open for this time. Its end is not checked: it breaks with its process.
    async fn watch(&self, operation: Operation, path: &str, span: Duration);

    /// Adds an operation to the client history for the auditor.
    fn record(&self, operation: audit::Operation);

    /// Reports a response that contradicts an earlier one.
    fn contradiction(&self, what: String);
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The JSON body; null if there is none.
    pub body: Value,
}

impl Response {
    /// Whether the request had its effect, now or before.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200 | 201)
    }
}
