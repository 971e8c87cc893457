//! Metrics of calls.

use metrics::{Gauge, Unit};
use tokio::time::Instant;

use crate::error::CallError;
use crate::response::CallResponse;

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

    pub(crate) fn end(mut self, result: &Result<CallResponse, CallError>) {
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

/// The calls in flight: those that were not rejected.
#[derive(Clone)]
pub(crate) struct InFlight(Gauge);

impl InFlight {
    pub(crate) fn new(name: &'static str) -> Self {
        let gauge = metrics::gauge!("call_in_flight", "call" => name);
        gauge.set(0.0);
        Self(gauge)
    }

    /// Counts a call until it ends or is cancelled.
    pub(crate) fn measure<F: Future>(&self, call: F) -> impl Future<Output = F::Output> + use<F> {
        self.0.increment(1.0);
        let counted = Counted(self.0.clone());
        async move {
            let _counted = counted;
            call.await
        }
    }
}

struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Describes the metrics.
pub(crate) fn describe() {
    metrics::describe_counter!("call_outcomes_total", "Calls to other services, by how they ended");
    metrics::describe_histogram!("call_duration_seconds", Unit::Seconds, "How long calls took, without those refused");
    metrics::describe_gauge!("call_in_flight", "Calls on their way now");
    metrics::describe_gauge!("call_breaker_state", "0 closed, 1 half-open, 2 open");
}
