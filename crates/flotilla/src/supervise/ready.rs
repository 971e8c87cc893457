//! Readiness probes.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::plan::{ProcessSpec, Ready};

/// Interval between two probes; short, because it adds to the start-up time of a fleet.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Time limit of one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Probes the readiness of processes. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Probe(reqwest::Client);

impl Probe {
    /// A probe that ignores the proxy settings of the user.
    pub fn new() -> Result<Self, reqwest::Error> {
        reqwest::Client::builder().no_proxy().timeout(PROBE_TIMEOUT).build().map(Self)
    }

    /// Waits until the process is ready. No time limit.
    pub async fn until_ready(&self, spec: &ProcessSpec) {
        while !self.ready(spec).await {
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Probes once.
    pub async fn ready(&self, spec: &ProcessSpec) -> bool {
        match &spec.ready {
            Ready::Accepts => matches!(timeout(PROBE_TIMEOUT, TcpStream::connect(spec.listen)).await, Ok(Ok(_))),
            Ready::Answers(url) => match self.0.get(url).send().await {
                Ok(response) => response.status() == reqwest::StatusCode::OK,
                Err(_) => false,
            },
        }
    }
}
