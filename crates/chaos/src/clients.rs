//! The clients of a run: they send requests through the gateway, and record the responses.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient::{Clock as _, SystemClock};
use anyhow::Result;
use async_trait::async_trait;
use serde_json::Value;
use testkit::{Api, ApiResponse};
use tokio::time::sleep;
use workload::{Call, Operation, Response};

use crate::operation::violation;
use crate::statistics::Statistics;
use crate::timeline::Timeline;

/// Lines of the table of responses.
const LINES: u32 = 24;

/// The addresses of the clients: none of them has more in flight than the gateway's share for one.
const ADDRESSES: u8 = 8;

/// The undocumented responses that are kept.
const MAX_VIOLATIONS: usize = 50;

/// All clients of a run.
pub struct Clients {
    apis: Vec<Api>,
    turn: AtomicUsize,
    /// The faults of the run.
    pub(crate) timeline: Timeline,
    observed: Mutex<Observed>,
}

/// The observations of the clients.
#[derive(Debug)]
pub(crate) struct Observed {
    /// The responses, by operation and status over time.
    pub(crate) statistics: Statistics,
    /// The operations that the auditor needs.
    pub(crate) history: Vec<audit::Operation>,
    /// Undocumented responses, and broken connections of an available gateway.
    pub(crate) violations: Vec<String>,
    /// Their number, including those that are not kept.
    pub(crate) violation_count: u64,
    /// Requests without a response while the gateway was unavailable.
    pub(crate) excused: u64,
}

impl Clients {
    /// The clients of this gateway, for a run of this length.
    pub(crate) fn new(api: &Api, length: Duration) -> Result<Self> {
        let apis = (1..=ADDRESSES).map(|last| api.from_address(Ipv4Addr::new(127, 0, 1, last).into()));
        let apis = apis.collect::<Result<_>>()?;
        let statistics = Statistics::of(length, LINES);
        let observed =
            Observed { statistics, history: Vec::new(), violations: Vec::new(), violation_count: 0, excused: 0 };
        Ok(Self { apis, turn: AtomicUsize::new(0), timeline: Timeline::begin(), observed: Mutex::new(observed) })
    }

    /// One of the clients: their addresses take turns.
    fn api(&self) -> &Api {
        &self.apis[self.turn.fetch_add(1, Ordering::Relaxed) % self.apis.len()]
    }

    /// The observations so far.
    pub(crate) fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a response, and checks whether it is documented.
    fn observe(&self, operation: Operation, from: Duration, response: Result<ApiResponse>) -> Option<ApiResponse> {
        let to = self.timeline.now();
        let unavailable = self.timeline.gateway_was_unavailable(from, to);
        let mut observed = self.observed();
        let status = response.as_ref().ok().map(|response| response.status);
        observed.statistics.count(to, operation, status, to.saturating_sub(from));
        let violation = match &response {
            Ok(response) => violation(operation, response),
            Err(_) if unavailable => {
                observed.excused += 1;
                None
            }
            Err(error) => Some(format!("{operation}: no response from an available gateway: {error:#}")),
        };
        if let Some(violation) = violation {
            observed.add_violation(format!("{:.1} s: {violation}", to.as_secs_f64()));
        }
        response.ok()
    }
}

#[async_trait]
impl workload::Clients for Clients {
    async fn send(&self, call: Call) -> Option<Response> {
        let from = self.timeline.now();
        let api = self.api();
        let mut request = api.request(call.method.parse().ok()?, &call.path);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key);
        }
        let response = api.send(request).await;
        let ApiResponse { status, body, .. } = self.observe(call.operation, from, response)?;
        Some(Response { status, body })
    }

    async fn watch(&self, operation: Operation, path: &str, span: Duration) {
        let Ok(get) = "GET".parse() else { return };
        let from = self.timeline.now();
        let mut stream = None;
        let response = match self.api().request(get, path).send().await {
            Ok(response) => {
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                stream = Some(response);
                let took = self.timeline.now().saturating_sub(from);
                Ok(ApiResponse { asked: path.to_owned(), status, headers, body: Value::Null, took })
            }
            Err(error) => Err(error.into()),
        };
        if self.observe(operation, from, response).is_some() {
            sleep(span).await;
        }
        drop(stream);
    }

    fn record(&self, operation: audit::Operation) {
        self.observed().history.push(operation.at(SystemClock.now()));
    }

    fn contradiction(&self, what: String) {
        self.observed().add_violation(what);
    }
}

impl Observed {
    fn add_violation(&mut self, what: String) {
        self.violation_count += 1;
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(what);
        }
    }
}
