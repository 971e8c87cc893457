//! Metrics of calls.

use metrics::Unit;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::error::CallError;

/// Counts one call, including cancelled ones.
pub(crate) struct Meter {
    name: &'static str,
    started: Instant,
    outcome: &'static str,
    attempted: bool,
}

impl Meter {
    pub(crate) fn begin(name: &'static str) -> Self {
        Meter { name, started: Instant::now(), outcome: "cancelled", attempted: true }
    }

    pub(crate) fn end(mut self, result: &Result<Answer, CallError>) {
        self.outcome = result.as_ref().map_or_else(CallError::outcome, |_| "answered");
        self.attempted = result.as_ref().map_or_else(|error| error.retry_after().is_none(), |_| true);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        metrics::counter!("call_outcomes_total", "call" => self.name, "outcome" => self.outcome).increment(1);
        // Rejected calls take no time: their durations would make a failing callee look fast.
        if self.attempted {
            metrics::histogram!("call_duration_seconds", "call" => self.name).record(self.started.elapsed());
        }
    }
}

/// Describes the metrics.
pub(crate) fn describe() {
    metrics::describe_counter!("call_outcomes_total", "Calls to other services, by how they ended");
    metrics::describe_histogram!("call_duration_seconds", Unit::Seconds, "How long calls took, without those refused");
    metrics::describe_gauge!("call_in_flight", "Calls on their way now");
    metrics::describe_gauge!("call_breaker_state", "0 closed, 1 half-open, 2 open");
}
