//! The path of a request through the gateway.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use chassis::access::{AllowedHosts, add_accept_header};
use chassis::authority::Authority;
use chassis::spans::Span;
use chassis::{Host, Spans, Workers};
use events::TraceContext;
use http::header::{ALLOW, CONTENT_LENGTH};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::clients::Clients;
use crate::config::{Config, Rate, RouteRate};
use crate::request::access::Access;
use crate::request::authenticator::{Authenticated, Authenticator};
use crate::request::buffering::RequestBuffers;
use crate::request::cancellations::Cancellations;
use crate::request::client_id::ClientId;
use crate::request::error::GatewayError;
use crate::request::headers::{self, RequestOrigin};
use crate::request::rate_limit::{Limiter, RateDecision};
use crate::routing::path;
use crate::routing::pattern::Table;
use crate::upstream::client::{self, Client};
use crate::upstream::exchange::{UpstreamResponse, send_detached, send_with_retries};
use crate::upstream::grpc;
use crate::upstream::metrics::RouteMetrics;
use crate::upstream::replicas::Replicas;
use crate::upstream::route::ActiveRoute;

/// The trace id of the request, for support.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// The peer of a request.
#[derive(Debug, Clone, Copy)]
struct Caller {
    /// The verified address of the client.
    address: IpAddr,
    https: bool,
}

/// Forwards requests to the services.
#[derive(Debug)]
pub struct Proxy {
    routes: Table<Arc<ActiveRoute>>,
    unrouted: RouteMetrics,
    access: Access,
    authenticator: Option<Arc<Authenticator>>,
    clients: Clients,
    clock: Arc<dyn Clock>,
    /// One client per worker, so that threads do not wait for each other.
    upstreams: Box<[Client]>,
    /// An HTTP/2 connection carries many calls. All calls of a client use one connection, which few others share.
    grpc: Box<[Client]>,
    /// Selects the connection of a client; keyed at random, so that clients cannot predict it.
    hasher: RandomState,
    buffers: RequestBuffers,
    cancellations: Option<Cancellations>,
    retry_after: Duration,
    spans: Spans,
    draining: CancellationToken,
}

impl Proxy {
    /// A proxy for the routes of `config`. Live streams end when `host` drains.
    pub fn new(config: &Config, authenticator: Option<Arc<Authenticator>>, host: &Host) -> Self {
        let (limits, workers) = (&config.limits, host.workers().count());
        let remembered = config.clients.remembered;
        let limiter = |rate: Rate| Arc::new(Limiter::new(rate, remembered));
        let shared = limits.rate.map(limiter);
        let replicas: Vec<_> =
            config.upstreams.iter().map(|upstream| Arc::new(Replicas::new(upstream, limits))).collect();
        let routes = config.routes.iter().map(|route| {
            let limiter = match route.rate {
                RouteRate::Shared => shared.clone(),
                RouteRate::Own(rate) => Some(limiter(rate)),
                RouteRate::Unlimited => None,
            };
            let active = ActiveRoute::new(route, Arc::clone(&replicas[route.upstream]), limits, limiter);
            (route.path.clone(), Arc::new(active))
        });
        let calls = config.routes.iter().filter(|route| route.grpc).map(|route| route.in_flight);
        let calls = calls.fold(0, u32::saturating_add);
        let largest = config.routes.iter().map(|route| route.body).max();
        Self {
            routes: Table::new(routes),
            unrouted: RouteMetrics::new("none"),
            access: Access::new(config, authenticator.is_none(), host),
            authenticator,
            clients: config.clients.clone(),
            clock: host.clock(),
            upstreams: (0..workers).map(|_| client::client(limits, workers)).collect(),
            grpc: grpc::clients(limits, calls),
            hasher: RandomState::new(),
            buffers: RequestBuffers::new(limits, largest.unwrap_or(limits.body)),
            cancellations: limits.cancellation_rate.map(|rate| Cancellations::new(rate, remembered)),
            retry_after: limits.retry_after,
            spans: host.spans(),
            draining: host.draining(),
        }
    }

    /// The hosts that the gateway answers for.
    pub const fn hosts(&self) -> &AllowedHosts {
        self.access.hosts()
    }

    /// The `Allow` header of a path; `None` if no route covers it.
    pub fn allow(&self, path: &str) -> Option<&HeaderValue> {
        self.route(path).ok().map(|route| route.allow())
    }

    /// Handles a request: returns the response of the service, or an error.
    pub async fn handle(&self, request: Request) -> Response {
        let (began, at) = (Instant::now(), self.spans.now());
        let trace = self.spans.begin();
        let method = chassis::method_label(request.method());
        let caller = self.caller(request.extensions(), request.headers());
        let grpc_request = chassis::grpc::is_grpc(request.headers());
        let mut decision = None;
        let selected =
            self.access.authority(&request).and_then(|authority| Ok((authority, self.route(request.uri().path())?)));
        let (metrics, outcome) = match selected {
            Ok((authority, route)) => {
                (route.metrics(), self.forward(route, request, (caller, authority), trace, &mut decision).await)
            }
            Err(error) => (&self.unrouted, Err(error)),
        };
        let mut response = outcome.unwrap_or_else(|error| error_response(error, metrics, trace));
        add_accept_header(method, &mut response);
        if grpc_request {
            response = chassis::grpc::in_grpc(response);
        }
        headers::add_security_headers(response.headers_mut(), caller.https);
        if let Some(decision) = decision {
            decision.write_headers(response.headers_mut());
        }
        if let Ok(trace_id) = HeaderValue::try_from(trace.trace_id()) {
            response.headers_mut().insert(TRACE_ID, trace_id);
        }
        let status = chassis::grpc::outcome(&response);
        metrics.record_response(method, status, began.elapsed());
        self.spans.record(|| Span::answered(trace, None, method, metrics.route(), status, (at, self.spans.now())));
        response
    }

    fn route(&self, path: &str) -> Result<&Arc<ActiveRoute>, GatewayError> {
        // The target may be an authority or `*`: no route covers these.
        if !path.starts_with('/') {
            return Err(GatewayError::NoRoute);
        }
        path::check(path).map_err(GatewayError::AmbiguousPath)?;
        self.routes.find(path).ok_or(GatewayError::NoRoute)
    }

    async fn forward(
        &self,
        route: &Arc<ActiveRoute>,
        request: Request,
        (caller, authority): (Caller, Option<Authority>),
        trace: TraceContext,
        decision: &mut Option<RateDecision>,
    ) -> Result<Response, GatewayError> {
        headers::check(request.headers()).map_err(GatewayError::AmbiguousHeaders)?;
        if request.method() == Method::OPTIONS {
            return Ok((StatusCode::NO_CONTENT, [(ALLOW, route.allow().clone())]).into_response());
        }
        route.check_method(request.method())?;
        route.check_headers(request.headers())?;
        self.access.check(&request, route.is_grpc(), authority.as_ref())?;
        let (head, body) = request.into_parts();
        let (authenticated, client) = self.authenticate(route, &head.headers, caller, decision).await?;
        let admission = route.admit(client.clone())?;
        check_content_length(&head.headers, route.body_limit())?;
        // The permit is acquired after the body was received: slow clients hold none.
        let (body, reservation) = self.buffers.buffer(body, route.body_limit(), &client).await?.into_parts();
        let resources = (admission.acquire()?, reservation);
        let token_lifetime = authenticated.as_ref().map(|authenticated| authenticated.expires.since(self.clock.now()));
        let mut head = Self::request_head(
            head,
            (caller, authority),
            trace,
            authenticated.map(|authenticated| authenticated.internal_token),
        );
        if route.is_grpc() {
            grpc::prepare_head(&mut head);
        }
        let ((answer, replica), (permit, _)) = self.send(route, head, body, client, resources).await?;
        let (mut head, body) = answer.into_parts();
        headers::to_client(&mut head.headers);
        let body = permit.into_body(body, replica, &self.draining, token_lifetime);
        let ends_with_status = route.is_grpc() && grpc::ends_with_status(&head.headers);
        let body =
            if ends_with_status { Body::new(grpc::GrpcBody::new(body, self.retry_after)) } else { Body::new(body) };
        Ok(Response::from_parts(head, body))
    }

    /// Sends the request to its service. A client that disconnects before the response begins is counted.
    async fn send<H: Send + 'static>(
        &self,
        route: &Arc<ActiveRoute>,
        head: Parts,
        body: Bytes,
        client: ClientId,
        resources: H,
    ) -> Result<(UpstreamResponse, H), GatewayError> {
        let upstream = route.is_grpc().then(|| self.grpc_for(&client).clone());
        let call = self.cancellations.as_ref().map(|cancellations| cancellations.begin(client));
        let outcome = if let Some(upstream) = upstream {
            send_detached(upstream, Arc::clone(route), head, body, resources).await
        } else {
            let answered = send_with_retries(&self.upstreams[Workers::here()], route, head, body).await;
            answered.map(|answered| (answered, resources))
        };
        if let Some(call) = call {
            call.complete();
        }
        outcome
    }

    fn grpc_for(&self, client: &ClientId) -> &Client {
        let index = self.hasher.hash_one(client) % self.grpc.len() as u64;
        &self.grpc[usize::try_from(index).unwrap_or_default()]
    }

    /// Authenticates the request and counts it by subject, else by address. Requests with invalid tokens are counted
    /// too.
    async fn authenticate(
        &self,
        route: &ActiveRoute,
        headers: &HeaderMap,
        caller: Caller,
        decision: &mut Option<RateDecision>,
    ) -> Result<(Option<Authenticated>, ClientId), GatewayError> {
        let authenticated = match &self.authenticator {
            Some(authenticator) => authenticator.authenticate(headers, route.roles()).await.map(Some),
            None => Ok(None),
        };
        let client = match &authenticated {
            Ok(Some(authenticated)) => authenticated.client.clone(),
            Ok(None) | Err(_) => ClientId::address(caller.address),
        };
        *decision = route.check_rate(&client);
        if let Some(wait) = decision.as_ref().and_then(RateDecision::retry_after) {
            return Err(GatewayError::RateLimited(wait));
        }
        match self.cancellations.as_ref().and_then(|cancellations| cancellations.retry_after(&client)) {
            Some(wait) => Err(GatewayError::TooManyCancellations(wait)),
            None => authenticated.map(|authenticated| (authenticated, client)),
        }
    }

    fn caller(&self, extensions: &Extensions, headers: &HeaderMap) -> Caller {
        let peer = extensions.get::<chassis::Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let encrypted = extensions.get::<chassis::Encrypted>().is_some();
        Caller {
            address: self.clients.address(peer, headers),
            https: encrypted || self.clients.is_https(peer, headers),
        }
    }

    /// The head of the request for the service, without the address.
    fn request_head(
        mut head: Parts,
        (caller, host): (Caller, Option<Authority>),
        trace: TraceContext,
        internal_token: Option<HeaderValue>,
    ) -> Parts {
        let origin = RequestOrigin {
            client: caller.address,
            https: caller.https,
            host,
            // Hex digits and dashes: always a valid header value.
            traceparent: HeaderValue::try_from(trace.to_string()).unwrap_or(HeaderValue::from_static("")),
            pass: internal_token,
        };
        headers::to_service(&mut head.headers, origin);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        head
    }
}

/// Rejects a declared length that is too large, before the body is read.
fn check_content_length(headers: &HeaderMap, max_bytes: u64) -> Result<(), GatewayError> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max_bytes) {
        return Err(GatewayError::BodyTooLarge(max_bytes));
    }
    Ok(())
}

fn error_response(error: GatewayError, metrics: &RouteMetrics, trace: TraceContext) -> Response {
    if let Some(kind) = error.metric_label() {
        metrics.record_error(kind);
        // These occur in large numbers; a log line for each would add to the load.
        if !matches!(error, GatewayError::TooManyInFlight(_) | GatewayError::KeysUnavailable(_)) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(route = metrics.route(), kind, trace = trace.trace_id(), error, "a service failed");
        }
    }
    error.into_response()
}
