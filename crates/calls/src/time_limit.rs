//! The time limit of a call: a layer.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::timeout;
use tower::Service;

use crate::CallFuture;
use crate::error::CallError;

/// Cancels a call at its time limit. Dropping the exchange closes its connection.
#[derive(Debug, Clone)]
pub(crate) struct TimeLimit<S> {
    inner: S,
    limit: Duration,
}

impl<S> TimeLimit<S> {
    pub(crate) fn new(inner: S, limit: Duration) -> Self {
        TimeLimit { inner, limit }
    }
}

impl<S, R> Service<R> for TimeLimit<S>
where
    S: Service<R, Error = CallError, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = CallError;
    type Future = CallFuture<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let call = timeout(self.limit, self.inner.call(request));
        Box::pin(async move { call.await.unwrap_or(Err(CallError::TimedOut)) })
    }
}
