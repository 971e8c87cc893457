//! A route in use: settings, permits, metrics.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::{Limits, Route};
use crate::request::body::{BodyError, BoundedBody};
use crate::request::client_id::ClientId;
use crate::request::error::GatewayError;
use crate::request::pool::{Pool, PoolError, Reservation};
use crate::request::rate_limit::{Limiter, RateDecision};
use crate::upstream::metrics::RouteMetrics;
use crate::upstream::replicas::{Replicas, SelectedReplica};

/// A route in use.
#[derive(Debug)]
pub struct ActiveRoute {
    replicas: Arc<Replicas>,
    methods: Vec<Method>,
    roles: Vec<String>,
    body_limit: u64,
    headers_limit: usize,
    limiter: Option<Arc<Limiter>>,
    allow: HeaderValue,
    timeout: Duration,
    idle_timeout: Duration,
    stream: bool,
    grpc: bool,
    retry_after: Duration,
    in_flight: Arc<Pool>,
    metrics: RouteMetrics,
}

impl ActiveRoute {
    /// The route to `replicas`, with the rate `limiter` of its clients.
    pub fn new(route: &Route, replicas: Arc<Replicas>, limits: &Limits, limiter: Option<Arc<Limiter>>) -> Self {
        let allow: Vec<&str> = route.methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
        // Methods consist of visible ASCII: always a valid header value.
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
            idle_timeout: if route.stream { limits.stream_idle } else { route.timeout },
            stream: route.stream,
            grpc: route.grpc,
            retry_after: limits.retry_after,
            in_flight: Arc::new(Pool::new(route.in_flight.into(), route.share, 1)),
            metrics: RouteMetrics::new(route.path.to_string()),
        }
    }

    /// The metrics of the route.
    pub const fn metrics(&self) -> &RouteMetrics {
        &self.metrics
    }

    /// The value of `Allow`.
    pub const fn allow(&self) -> &HeaderValue {
        &self.allow
    }

    /// The roles that may use it. Empty: every authenticated caller.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Maximum size of a request body in bytes.
    pub const fn body_limit(&self) -> u64 {
        self.body_limit
    }

    /// Rejects headers that are too large.
    pub fn check_headers(&self, headers: &HeaderMap) -> Result<(), GatewayError> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.headers_limit { Err(GatewayError::HeadersTooLarge(self.headers_limit)) } else { Ok(()) }
    }

    /// Counts a request of `client`. `None` if the route has no rate limit.
    pub fn check_rate(&self, client: &ClientId) -> Option<RateDecision> {
        self.limiter.as_ref().map(|limiter| limiter.check(client.clone()))
    }

    /// The replicas of the service.
    pub const fn replicas(&self) -> &Arc<Replicas> {
        &self.replicas
    }

    /// Time limit until the response begins.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The `Retry-After` of a 503.
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// Whether the service speaks gRPC on this route.
    pub const fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// Rejects a method that is not allowed.
    pub fn check_method(&self, method: &Method) -> Result<(), GatewayError> {
        if self.methods.contains(method) { Ok(()) } else { Err(GatewayError::MethodNotAllowed(self.allow.clone())) }
    }

    /// Counts a request against the share of `client`, before its body was received.
    pub fn admit(self: &Arc<Self>, client: ClientId) -> Result<Admission, GatewayError> {
        let mut reservation = self.in_flight.reservation(client);
        reservation.reserve(1).map_err(|error| self.gateway_error(error))?;
        Ok(Admission { route: Arc::clone(self), reservation })
    }

    const fn gateway_error(&self, error: PoolError) -> GatewayError {
        match error {
            PoolError::ShareExceeded => GatewayError::ShareExceeded(self.retry_after),
            PoolError::Exhausted => GatewayError::TooManyInFlight(self.retry_after),
        }
    }
}

/// A request that counts for its client, without a permit yet.
#[derive(Debug)]
pub struct Admission {
    route: Arc<ActiveRoute>,
    reservation: Reservation,
}

impl Admission {
    /// Acquires a permit, which is released when dropped.
    pub fn acquire(mut self) -> Result<Permit, GatewayError> {
        self.reservation.acquire(1).map_err(|error| self.route.gateway_error(error))?;
        self.route.metrics.request_started();
        Ok(Permit { route: self.route, _reservation: self.reservation })
    }
}

/// A request in flight, until the end of its response.
#[derive(Debug)]
pub struct Permit {
    route: Arc<ActiveRoute>,
    _reservation: Reservation,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.route.metrics.request_finished();
    }
}

impl Permit {
    /// The body of the response. A live stream ends when `draining` is cancelled, and after `token_lifetime`.
    pub fn into_body(
        self,
        body: Incoming,
        replica: SelectedReplica,
        draining: &CancellationToken,
        token_lifetime: Option<Duration>,
    ) -> ResponseBody {
        let stream_end = self.route.stream.then(|| Box::pin(stream_end(draining.clone(), token_lifetime)) as StreamEnd);
        let body = BoundedBody::new(body, u64::MAX, self.route.idle_timeout);
        ResponseBody { body, stream_end, permit: self, _replica: replica }
    }
}

/// Resolves when a live stream has to end.
type StreamEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn stream_end(draining: CancellationToken, token_lifetime: Option<Duration>) {
    match token_lifetime {
        Some(token_lifetime) => drop(timeout(token_lifetime, draining.cancelled()).await),
        None => draining.cancelled().await,
    }
}

/// The body of a response.
pub struct ResponseBody {
    body: BoundedBody<Incoming>,
    stream_end: Option<StreamEnd>,
    permit: Permit,
    _replica: SelectedReplica,
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").field("permit", &self.permit).finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(stream_end) = &mut self.stream_end
            && stream_end.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(None);
        }
        let part = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Err(error)) = &part {
            let metrics = self.permit.route.metrics();
            tracing::warn!(route = metrics.route(), cut = %error, "an answer was cut off");
            metrics.record_error("cut");
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
