//! What the metrics say of a call.

use metrics::Unit;
use tokio::time::Instant;

use crate::{Answer, CallError};

/// Counts one call, however it ends; also when its caller goes away.
pub(crate) struct Meter {
    name: &'static str,
    begun: Instant,
    outcome: &'static str,
    tried: bool,
}

impl Meter {
    pub(crate) fn begin(name: &'static str) -> Self {
        Meter { name, begun: Instant::now(), outcome: "cancelled", tried: true }
    }

    pub(crate) fn end(mut self, result: &Result<Answer, CallError>) {
        self.outcome = result.as_ref().map_or_else(CallError::outcome, |_| "answered");
        self.tried = result.as_ref().map_or_else(|error| error.retry_after().is_none(), |_| true);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        metrics::counter!("call_outcomes_total", "call" => self.name, "outcome" => self.outcome).increment(1);
        // Refusals take no time: among the durations they would make a sick callee look quick.
        if self.tried {
            metrics::histogram!("call_duration_seconds", "call" => self.name).record(self.begun.elapsed());
        }
    }
}

/// The help texts of `/metrics`.
pub(crate) fn describe() {
    metrics::describe_counter!("call_outcomes_total", "Calls to other services, by how they ended");
    metrics::describe_histogram!("call_duration_seconds", Unit::Seconds, "How long calls took, without those refused");
    metrics::describe_gauge!("call_in_flight", "Calls on their way now");
    metrics::describe_gauge!("call_breaker_state", "0 closed, 1 half-open, 2 open");
}
