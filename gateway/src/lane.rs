//! A route in use: its settings in the form that a request needs, its seats, its metrics.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::body::{Bounded, Cut};
use crate::config::{Limits, Route};
use crate::observe::RouteMetrics;
use crate::rate::{Client, Limiter, Standing};
use crate::refusal::Refusal;
use crate::replicas::{Chosen, Replicas};

/// A route in use.
#[derive(Debug)]
pub struct Lane {
    replicas: Arc<Replicas>,
    methods: Vec<Method>,
    roles: Vec<String>,
    body_limit: u64,
    headers_limit: usize,
    limiter: Option<Arc<Limiter>>,
    allow: HeaderValue,
    timeout: Duration,
    silence: Duration,
    stream: bool,
    grpc: bool,
    retry_after: Duration,
    seats: Arc<Semaphore>,
    metrics: RouteMetrics,
}

impl Lane {
    /// Opens `route`, which leads to `replicas`, and counts its clients with `limiter`.
    pub fn new(route: &Route, replicas: Arc<Replicas>, limits: &Limits, limiter: Option<Arc<Limiter>>) -> Self {
        let allow: Vec<&str> = route.methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
        // Methods are made of visible ASCII, so they always fit into a header.
        let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            replicas,
            methods: route.methods.clone(),
            roles: route.roles.clone(),
            body_limit: route.body,
            headers_limit: route.headers.unwrap_or(usize::MAX),
            limiter,
            allow: text(&allow.join(", ")),
            timeout: route.timeout,
            silence: if route.stream { limits.stream_idle } else { route.timeout },
            stream: route.stream,
            grpc: route.grpc,
            retry_after: limits.retry_after,
            seats: Arc::new(Semaphore::new(route.in_flight.try_into().unwrap_or(Semaphore::MAX_PERMITS))),
            metrics: RouteMetrics::new(route.path.to_string()),
        }
    }

    /// What is counted here.
    pub const fn metrics(&self) -> &RouteMetrics {
        &self.metrics
    }

    /// The methods that are open, for the `Allow` header.
    pub const fn allow(&self) -> &HeaderValue {
        &self.allow
    }

    /// Who may use it; empty: everybody who is known.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Bytes in a request's body.
    pub const fn body_limit(&self) -> u64 {
        self.body_limit
    }

    /// Refuses headers that are larger than they may be.
    pub fn check_headers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.headers_limit { Err(Refusal::HeadersTooLarge(self.headers_limit)) } else { Ok(()) }
    }

    /// Counts a request of `client`; nothing, if the route has no rate.
    pub fn count(&self, client: impl FnOnce() -> Client) -> Option<Standing> {
        self.limiter.as_ref().map(|limiter| limiter.count(client()))
    }

    /// Where it leads.
    pub const fn replicas(&self) -> &Arc<Replicas> {
        &self.replicas
    }

    /// How long the service may take until its answer begins.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the service speaks gRPC.
    pub const fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// Refuses a method that the route does not open.
    pub fn check_method(&self, method: &Method) -> Result<(), Refusal> {
        if self.methods.contains(method) { Ok(()) } else { Err(Refusal::Method(self.allow.clone())) }
    }

    /// Takes a seat for one request, which is free again when the seat is dropped.
    pub fn enter(self: &Arc<Self>) -> Result<Seat, Refusal> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Refusal::Busy(self.retry_after))?;
        self.metrics.entered();
        Ok(Seat { lane: Arc::clone(self), _seat: seat })
    }
}

/// A request in flight, from its entry to the end of its answer.
#[derive(Debug)]
pub struct Seat {
    lane: Arc<Lane>,
    _seat: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lane.metrics.left();
    }
}

impl Seat {
    /// The answer's body on its way to the client. A live stream ends when `draining` is cancelled, and after `left`: then
    /// it is not known any more who reads it.
    pub fn answer(
        self,
        body: Incoming,
        replica: Chosen,
        draining: &CancellationToken,
        left: Option<Duration>,
    ) -> Answer {
        let end = self.lane.stream.then(|| Box::pin(end(draining.clone(), left)) as End);
        let body = Bounded::new(body, u64::MAX, self.lane.silence);
        Answer { body, end, seat: self, _replica: replica }
    }
}

/// Resolves when a live stream has to end.
type End = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn end(draining: CancellationToken, left: Option<Duration>) {
    match left {
        Some(left) => drop(timeout(left, draining.cancelled()).await),
        None => draining.cancelled().await,
    }
}

/// The body of an answer.
pub struct Answer {
    body: Bounded<Incoming>,
    end: Option<End>,
    seat: Seat,
    _replica: Chosen,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("seat", &self.seat).finish_non_exhaustive()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(end) = &mut self.end
            && end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        let part = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Err(cut)) = &part {
            let metrics = self.seat.lane.metrics();
            tracing::warn!(route = metrics.route(), %cut, "an answer was cut off");
            metrics.fault("cut");
        }
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
