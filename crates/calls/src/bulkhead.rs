//! Layer: so many calls on their way at once and no more.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::{CallError, CallFuture};

/// Refuses a call when all slots are taken. It does not queue: who waits here would wait for a callee that is slow
/// already, and the callers' own memory would be the queue.
#[derive(Clone)]
pub(crate) struct Bulkhead<S> {
    inner: S,
    slots: Arc<Semaphore>,
    in_flight: Gauge,
    retry_after: Duration,
}

impl<S> Bulkhead<S> {
    /// `retry_after` is what a refused caller is told.
    pub(crate) fn new(inner: S, name: &'static str, slots: usize, retry_after: Duration) -> Self {
        let in_flight = metrics::gauge!("call_in_flight", "call" => name);
        in_flight.set(0.0);
        Bulkhead { inner, slots: Arc::new(Semaphore::new(slots)), in_flight, retry_after }
    }

    fn take_slot(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().ok()?;
        self.in_flight.increment(1.0);
        Some(Slot { _permit: permit, in_flight: self.in_flight.clone() })
    }
}

/// Held while a call is on its way; given back when it ends or its caller goes away.
struct Slot {
    _permit: OwnedSemaphorePermit,
    in_flight: Gauge,
}

impl Drop for Slot {
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
        let Some(slot) = self.take_slot() else {
            let retry_after = self.retry_after;
            return Box::pin(async move { Err(CallError::Busy { retry_after }) });
        };
        let call = self.inner.call(request);
        Box::pin(async move {
            let _slot = slot;
            call.await
        })
    }
}
