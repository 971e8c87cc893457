//! The breaker as a tower layer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{Layer, Service};

use super::gate::Gate;
use super::policy::{Rules, Verdict};
use crate::{CallError, CallFuture};

/// Puts a breaker before a service. All services made by one layer share one breaker.
#[derive(Clone)]
pub struct BreakerLayer {
    gate: Arc<Gate>,
}

impl BreakerLayer {
    /// `name` is the callee in logs and metrics.
    pub fn new(name: &'static str, rules: Rules) -> Self {
        BreakerLayer { gate: Arc::new(Gate::new(name, rules)) }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    fn layer(&self, inner: S) -> Breaker<S> {
        Breaker { inner, gate: Arc::clone(&self.gate) }
    }
}

/// A service behind a breaker. Clones share it.
#[derive(Clone)]
pub struct Breaker<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Breaker<S> {
    /// How long calls will be refused from now on; `None` if the next one may be let through.
    pub fn refusal(&self) -> Option<Duration> {
        self.gate.refusal()
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
        let permit = match self.gate.enter() {
            Ok(permit) => permit,
            Err(retry_after) => return Box::pin(async move { Err(CallError::Open { retry_after }) }),
        };
        let call = self.inner.call(request);
        Box::pin(async move {
            let result = call.await;
            if let Some(verdict) = verdict(&result) {
                permit.settle(verdict);
            }
            result
        })
    }
}

/// What a result says about the callee, if anything.
///
/// A call refused on this side says nothing: the callee has not seen it. Were it counted as a failure, a burst of
/// callers would open the breaker of a healthy callee; and a callee so slow that it fills the slots is caught by its
/// slow calls. An answer that refuses (4xx) is an answer.
fn verdict<T>(result: &Result<T, CallError>) -> Option<Verdict> {
    match result {
        Ok(_) => Some(Verdict::Answered),
        Err(CallError::Open { .. } | CallError::Busy { .. }) => None,
        Err(CallError::Unsent(_) | CallError::TimedOut | CallError::Broken(_) | CallError::Failed(_)) => {
            Some(Verdict::Failed)
        }
    }
}
