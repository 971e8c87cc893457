//! A service seen by its clients: every test starts one on the loopback interface.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod access;
mod answers;
mod bodies;
mod connections;
mod grpc;
mod health;
mod pages;
mod shutdown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Ids, SystemClock};
use axum::Router;
use chassis::{Config, Host, RunError, run_until};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The longest wait of a test.
const DEADLINE: Duration = Duration::from_secs(20);

struct Service {
    address: SocketAddr,
    client: Client,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), RunError>>,
}

impl Service {
    async fn start(config: Config, build: impl FnOnce(Host) -> Router + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::seeded(clock, 7)));
        let ended = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            run_until(host, &config, listener, async |host| Ok(build(host)), stopped).await
        });
        Self { address, client: Client::builder().no_proxy().build().unwrap(), stop, ended }
    }

    async fn routes(routes: Router) -> Self {
        Self::start(Config::default(), |_| routes).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn get(&self, path: &str) -> Response {
        self.send(self.client.get(self.url(path))).await
    }

    async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.send(self.client.post(self.url(path)).header("content-type", "application/json").body(body)).await
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        timeout(DEADLINE, request.send()).await.expect("answered in time").unwrap()
    }

    async fn ended(self) -> Result<(), RunError> {
        timeout(DEADLINE, self.ended).await.expect("ended in time").unwrap()
    }

    async fn end(self) -> Result<(), RunError> {
        self.stop.send(()).unwrap();
        timeout(DEADLINE, self.ended).await.expect("ended in time").unwrap()
    }
}

/// The status and the document of a problem response.
async fn problem(response: Response) -> (u16, Value) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status);
    (status, document)
}
