//! Whether a process is ready for work.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::plan::{ProcessSpec, Ready};

/// Short enough not to show in how long a fleet takes to start.
const POLL: Duration = Duration::from_millis(20);
/// Whoever does not answer within this is asked again.
const ANSWER: Duration = Duration::from_secs(1);

/// Asks processes whether they are ready. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Probe(reqwest::Client);

impl Probe {
    /// A probe that goes to the processes themselves, whatever proxy the user has.
    pub fn new() -> Result<Self, reqwest::Error> {
        reqwest::Client::builder().no_proxy().timeout(ANSWER).build().map(Self)
    }

    /// Waits until the process is ready; for ever if it never is.
    pub async fn until_ready(&self, spec: &ProcessSpec) {
        while !self.ready(spec).await {
            sleep(POLL).await;
        }
    }

    /// Asks once.
    pub async fn ready(&self, spec: &ProcessSpec) -> bool {
        match &spec.ready {
            Ready::Accepts => matches!(timeout(ANSWER, TcpStream::connect(spec.listen)).await, Ok(Ok(_))),
            Ready::Answers(url) => match self.0.get(url).send().await {
                Ok(answer) => answer.status() == reqwest::StatusCode::OK,
                Err(_) => false,
            },
        }
    }
}
