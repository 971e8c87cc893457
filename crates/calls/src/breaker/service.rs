//! The breaker as a tower layer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{Layer, Service};

use super::locked_policy::LockedPolicy;
use super::policy::{CallResult, Rules};
use crate::CallFuture;
use crate::error::CallError;

/// Adds a breaker to a service. All services of one layer share one breaker.
#[derive(Clone)]
pub struct BreakerLayer {
    policy: Arc<LockedPolicy>,
}

impl BreakerLayer {
    /// `name` is the callee in logs and metrics.
    pub fn new(name: &'static str, rules: Rules) -> Self {
        BreakerLayer { policy: Arc::new(LockedPolicy::new(name, rules)) }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Breaker<S> {
        Breaker { inner, policy: Arc::clone(&self.policy) }
    }
}

/// A service behind a breaker. Clones share the breaker.
#[derive(Clone)]
pub struct Breaker<S> {
    inner: S,
    policy: Arc<LockedPolicy>,
}

impl<S> Breaker<S> {
    /// How long calls are rejected; `None` if the next one may be allowed.
    pub fn unavailable_for(&self) -> Option<Duration> {
        self.policy.unavailable_for()
    }
}

impl<S, R> Service<R> for Breaker<S>
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
        let permit = match self.policy.try_acquire() {
            Ok(permit) => permit,
            Err(retry_after) => return Box::pin(async move { Err(CallError::Open { retry_after }) }),
        };
        let call = self.inner.call(request);
        Box::pin(async move {
            let result = call.await;
            if let Some(call_result) = call_result(&result) {
                permit.record(call_result);
            }
            result
        })
    }
}

/// The result of a call as far as the callee is concerned, if any.
///
/// Calls that were rejected on this side have none: if they counted as failures, a burst of callers would open the
/// breaker of a healthy callee. A callee so slow that all permits are taken is detected by its slow calls. A 4xx is
/// a success.
fn call_result<T>(result: &Result<T, CallError>) -> Option<CallResult> {
    match result {
        Ok(_) => Some(CallResult::Succeeded),
        Err(CallError::Open { .. } | CallError::Busy { .. }) => None,
        Err(CallError::Unsent(_) | CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_)) => {
            Some(CallResult::Failed)
        }
    }
}
