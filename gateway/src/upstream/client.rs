//! Pooled connections to the services.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::Bytes;
use futures_util::future::BoxFuture;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use crate::config::Limits;

/// The HTTP client for the services. Clones share their connections.
pub type Client = legacy::Client<Connector, Full<Bytes>>;

/// One of `clients` HTTP clients, which share `limits`.
///
/// Idle connections are closed before the service closes them, so that new replicas are found and no request uses a
/// connection that is being closed.
pub fn client(limits: &Limits, clients: usize) -> Client {
    let most_idle = usize::try_from(limits.pool_max_idle).unwrap_or(usize::MAX);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(limits.pool_idle_timeout)
        .pool_max_idle_per_host(most_idle.div_ceil(clients))
        .pool_timer(TokioTimer::new())
        // Retries only requests of which not one byte was written: safe for POST too.
        .retry_canceled_requests(true)
        // The gateway sets `Host`.
        .set_host(false)
        .build(Connector::new(limits))
}

/// Why a service cannot be connected to.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The connection was refused.
    #[error("the connection was refused")]
    Refused,
    /// Connecting took too long.
    #[error("no connection in time")]
    Timeout,
    /// The name is unknown, or there is no route to the host.
    #[error("no way there: {0}")]
    Unreachable(#[source] BoxError),
}

impl ConnectError {
    fn of(error: BoxError) -> Self {
        let mut causes = std::iter::successors(Some(&*error as &(dyn std::error::Error + 'static)), |it| it.source());
        let refused = |cause: &(dyn std::error::Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        if causes.any(refused) { Self::Refused } else { Self::Unreachable(error) }
    }
}

/// Connects within a time limit, and retries a refused connection: nothing was sent yet, and the name may resolve to
/// another replica (a terminated one refuses until the cluster has noticed).
#[derive(Debug, Clone)]
pub struct Connector<C = HttpConnector> {
    tcp: C,
    limit: Duration,
    attempts: u32,
}

impl Connector {
    /// TCP connections within `limits`.
    pub fn new(limits: &Limits) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        Self { tcp, limit: limits.connect_timeout, attempts: limits.connect_attempts }
    }
}

impl<C> Connector<C>
where
    C: Service<Uri, Error: Into<BoxError>> + Clone,
{
    async fn connect(self, to: Uri) -> Result<C::Response, ConnectError> {
        let mut attempts = 1;
        loop {
            match self.tcp.clone().oneshot(to.clone()).await.map_err(|error| ConnectError::of(error.into())) {
                Err(ConnectError::Refused) if attempts < self.attempts => attempts += 1,
                outcome => return outcome,
            }
        }
    }
}

impl<C> Service<Uri> for Connector<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    type Response = C::Response;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<C::Response, ConnectError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connector = self.clone();
        let limit = self.limit;
        Box::pin(async move { timeout(limit, connector.connect(to)).await.unwrap_or(Err(ConnectError::Timeout)) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tower::service_fn;

    use super::*;

    /// Connects to something that refuses so many times before it takes a connection.
    async fn connect(refusals: u32, attempts: u32) -> Result<u32, ConnectError> {
        let count = Arc::new(AtomicU32::new(0));
        let tcp = service_fn(move |_: Uri| {
            let tries = count.fetch_add(1, Ordering::SeqCst) + 1;
            let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
            std::future::ready(if tries > refusals { Ok(tries) } else { Err(refused()) })
        });
        Connector { tcp, limit: Duration::from_secs(1), attempts }.oneshot(Uri::from_static("http://x")).await
    }

    #[tokio::test]
    async fn a_refused_connection_is_retried() {
        assert!(matches!(connect(1, 2).await, Ok(2)));
        assert!(matches!(connect(1, 1).await, Err(ConnectError::Refused)));
        assert!(matches!(connect(2, 2).await, Err(ConnectError::Refused)));
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_has_a_time_limit() {
        let tcp = service_fn(|_: Uri| std::future::pending::<Result<(), io::Error>>());
        let connector = Connector { tcp, limit: Duration::from_secs(1), attempts: 1 };
        assert!(matches!(connector.oneshot(Uri::from_static("http://x")).await, Err(ConnectError::Timeout)));
    }
}
