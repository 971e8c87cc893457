//! The bulkhead: a layer that limits the calls in flight.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::CallFuture;
use crate::error::CallError;

/// Rejects a call if no permit is free. It does not queue: the callee is slow already, and the queue would take the
/// memory of the caller.
#[derive(Clone)]
pub(crate) struct Bulkhead<S> {
    inner: S,
    permits: Arc<Semaphore>,
    in_flight: Gauge,
    retry_after: Duration,
}

impl<S> Bulkhead<S> {
    /// `retry_after` is reported with a rejection.
    pub(crate) fn new(inner: S, name: &'static str, permits: usize, retry_after: Duration) -> Self {
        let in_flight = metrics::gauge!("call_in_flight", "call" => name);
        in_flight.set(0.0);
        Bulkhead { inner, permits: Arc::new(Semaphore::new(permits)), in_flight, retry_after }
    }

    fn try_acquire(&self) -> Option<Permit> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        self.in_flight.increment(1.0);
        Some(Permit { _permit: permit, in_flight: self.in_flight.clone() })
    }
}

/// Held during a call; released when it ends or is cancelled.
struct Permit {
    _permit: OwnedSemaphorePermit,
    in_flight: Gauge,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.in_flight.decrement(1.0);
    }
}

impl<S, R> Service<R> for Bulkhead<S>
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
        let Some(permit) = self.try_acquire() else {
            let retry_after = self.retry_after;
            return Box::pin(async move { Err(CallError::Busy { retry_after }) });
        };
        let call = self.inner.call(request);
        Box::pin(async move {
            let _permit = permit;
            call.await
        })
    }
}
