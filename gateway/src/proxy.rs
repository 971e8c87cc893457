//! One request on its way through.

use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use chassis::spans::Span;
use chassis::{Host, Spans};
use events::TraceContext;
use http::header::{ALLOW, CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::guard::Guard;
use crate::headers::{self, Facts};
use crate::lane::Lane;
use crate::observe::RouteMetrics;
use crate::refusal::Refusal;
use crate::routes::Table;
use crate::upload::Uploads;
use crate::upstream::{self, Client};

/// Tells the client the trace of its request, so that it can be quoted.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// What all requests share.
#[derive(Debug)]
pub struct Proxy {
    lanes: Table<Arc<Lane>>,
    unrouted: RouteMetrics,
    guard: Option<Guard>,
    clock: Arc<dyn Clock>,
    client: Client,
    body_limit: u64,
    uploads: Uploads,
    retry_after: Duration,
    spans: Spans,
    draining: CancellationToken,
}

impl Proxy {
    /// A proxy for the routes of `config`. Its live streams end when `host` is told to end.
    pub fn new(config: &Config, guard: Option<Guard>, host: &Host) -> Self {
        let limits = &config.limits;
        let lanes = config.routes.iter().map(|route| {
            let lane = Lane::new(route, &config.upstreams[route.upstream], limits);
            (route.path.clone(), Arc::new(lane))
        });
        Self {
            lanes: Table::new(lanes),
            unrouted: RouteMetrics::new("none"),
            guard,
            clock: host.clock(),
            client: upstream::client(limits),
            body_limit: limits.body,
            uploads: Uploads::new(limits),
            retry_after: limits.retry_after,
            spans: host.spans(),
            draining: host.draining(),
        }
    }

    /// Answers a request: with the answer of its service, or with the reason why there is none.
    pub async fn answer(State(proxy): State<Arc<Self>>, request: Request) -> Response {
        let (began, at) = (Instant::now(), proxy.spans.now());
        let trace = proxy.spans.begin();
        let method = chassis::method_label(request.method());
        let (metrics, outcome) = match proxy.lane(request.uri().path()) {
            Ok(lane) => (lane.metrics(), proxy.pass(lane, request, trace).await),
            Err(refusal) => (&proxy.unrouted, Err(refusal)),
        };
        let mut response = outcome.unwrap_or_else(|refusal| refused(refusal, metrics, trace));
        if let Ok(trace_id) = HeaderValue::try_from(trace.trace_id()) {
            response.headers_mut().insert(TRACE_ID, trace_id);
        }
        metrics.answered(method, response.status(), began.elapsed());
        proxy.spans.record(|| {
            Span::answered(trace, None, method, metrics.route(), response.status(), (at, proxy.spans.now()))
        });
        response
    }

    fn lane(&self, path: &str) -> Result<&Arc<Lane>, Refusal> {
        crate::path::check(path).map_err(Refusal::Path)?;
        self.lanes.find(path).ok_or(Refusal::NoRoute)
    }

    async fn pass(&self, lane: &Arc<Lane>, request: Request, trace: TraceContext) -> Result<Response, Refusal> {
        headers::check(request.headers(), request.version()).map_err(Refusal::Headers)?;
        if request.method() == Method::OPTIONS {
            return Ok((StatusCode::NO_CONTENT, [(ALLOW, lane.allow().clone())]).into_response());
        }
        lane.check_method(request.method())?;
        let admitted = match &self.guard {
            Some(guard) => Some(guard.admit(request.headers(), lane.roles()).await?),
            None => None,
        };
        self.check_declared_length(request.headers())?;
        let (head, body) = request.into_parts();
        // The seat comes after the body: who sends slowly holds none.
        let (body, _room) = self.uploads.take(body).await?.into_parts();
        let seat = lane.enter()?;
        let left = admitted.as_ref().map(|admitted| admitted.until.since(self.clock.now()));
        let head = Self::outgoing(lane, head, trace, admitted.map(|admitted| admitted.pass));
        let answered = timeout(lane.timeout(), self.exchange(head, body)).await;
        let (mut head, body) = answered.map_err(|_| Refusal::Timeout(lane.timeout()))??.into_parts();
        headers::to_client(&mut head.headers);
        Ok(Response::from_parts(head, Body::new(seat.answer(body, &self.draining, left))))
    }

    /// Refuses a body that says itself that it is too large, before anything of it is sent.
    fn check_declared_length(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > self.body_limit) {
            return Err(Refusal::TooLarge(self.body_limit));
        }
        Ok(())
    }

    /// The head of the request as its service gets it.
    fn outgoing(lane: &Lane, mut head: Parts, trace: TraceContext, pass: Option<HeaderValue>) -> Parts {
        let uri = std::mem::take(&mut head.uri).into_parts();
        let asked_for = uri.authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        let facts = Facts {
            peer: head.extensions.get::<chassis::Peer>().map(|peer| peer.0.ip()),
            host: asked_for.or_else(|| head.headers.get(HOST).cloned()),
            // Hex digits and dashes: always a header.
            traceparent: HeaderValue::try_from(trace.to_string()).unwrap_or(HeaderValue::from_static("")),
            pass,
        };
        headers::to_service(&mut head.headers, lane.host().clone(), facts);
        head.uri = lane.address(uri.path_and_query);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        head
    }

    /// Sends the request, a second time if the connection broke and that can do no harm.
    ///
    /// A service may close a connection at the moment a request is written to it. Then nobody knows whether the
    /// request was read; that must not be an error for a GET, and must never be done twice for a POST.
    async fn exchange(&self, head: Parts, body: Bytes) -> Result<http::Response<Incoming>, Refusal> {
        let spare = (head.method.is_idempotent() && body.is_empty()).then(|| head.clone());
        match (self.send(head, body).await, spare) {
            (Err(Refusal::Broken(_)), Some(head)) => self.send(head, Bytes::new()).await,
            (outcome, _) => outcome,
        }
    }

    async fn send(&self, head: Parts, body: Bytes) -> Result<http::Response<Incoming>, Refusal> {
        let answered = self.client.request(http::Request::from_parts(head, Full::new(body))).await;
        answered.map_err(|error| Refusal::of(error, self.retry_after))
    }
}

fn refused(refusal: Refusal, metrics: &RouteMetrics, trace: TraceContext) -> Response {
    if let Some(kind) = refusal.fault() {
        metrics.fault(kind);
        // Under overload a line per refused request would only add to the load.
        if !matches!(refusal, Refusal::Busy(_)) {
            let error = &refusal as &dyn std::error::Error;
            tracing::warn!(route = metrics.route(), kind, trace = trace.trace_id(), error, "a service failed");
        }
    }
    refusal.into_response()
}
