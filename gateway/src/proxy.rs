//! One request on its way through.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ambient::Clock;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use chassis::spans::Span;
use chassis::{Host, Spans, Workers};
use events::TraceContext;
use http::header::{ALLOW, CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::config::{Config, RouteRate};
use crate::grpc;
use crate::guard::{Admitted, Guard};
use crate::headers::{self, Facts};
use crate::lane::Lane;
use crate::observe::RouteMetrics;
use crate::rate::{self, Limiter, Rate, Standing};
use crate::refusal::Refusal;
use crate::replicas::{Chosen, Replicas};
use crate::routes::Table;
use crate::upload::Uploads;
use crate::upstream::{self, Client};

/// Tells the client the trace of its request, so that it can be quoted.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
struct Caller {
    /// The address, as far as it is known for certain.
    address: IpAddr,
    https: bool,
}

/// What all requests share.
#[derive(Debug)]
pub struct Proxy {
    lanes: Table<Arc<Lane>>,
    unrouted: RouteMetrics,
    guard: Option<Arc<Guard>>,
    clients: Clients,
    clock: Arc<dyn Clock>,
    /// One for each worker, so that no request waits for what another thread does.
    upstreams: Box<[Client]>,
    /// One for all: a connection carries many calls.
    grpc: Client,
    uploads: Uploads,
    retry_after: Duration,
    spans: Spans,
    draining: CancellationToken,
}

impl Proxy {
    /// A proxy for the routes of `config`. Its live streams end when `host` is told to end.
    pub fn new(config: &Config, guard: Option<Arc<Guard>>, host: &Host) -> Self {
        let (limits, workers) = (&config.limits, host.workers().count());
        let remembered = config.clients.remembered;
        let limiter = |rate: Rate| Arc::new(Limiter::new(rate, remembered));
        let common = limits.rate.map(limiter);
        let replicas: Vec<_> =
            config.upstreams.iter().map(|upstream| Arc::new(Replicas::new(upstream, limits))).collect();
        let lanes = config.routes.iter().map(|route| {
            let limiter = match route.rate {
                RouteRate::Common => common.clone(),
                RouteRate::Own(rate) => Some(limiter(rate)),
                RouteRate::Unlimited => None,
            };
            let lane = Lane::new(route, Arc::clone(&replicas[route.upstream]), limits, limiter);
            (route.path.clone(), Arc::new(lane))
        });
        Self {
            lanes: Table::new(lanes),
            unrouted: RouteMetrics::new("none"),
            guard,
            clients: config.clients.clone(),
            clock: host.clock(),
            upstreams: (0..workers).map(|_| upstream::client(limits, workers)).collect(),
            grpc: grpc::client(limits),
            uploads: Uploads::new(limits),
            retry_after: limits.retry_after,
            spans: host.spans(),
            draining: host.draining(),
        }
    }

    /// Answers a request: with the answer of its service, or with the reason why there is none.
    pub async fn answer(&self, request: Request) -> Response {
        let (began, at) = (Instant::now(), self.spans.now());
        let trace = self.spans.begin();
        let method = chassis::method_label(request.method());
        let caller = self.caller(request.extensions(), request.headers());
        let asked_in_grpc = chassis::grpc::is_grpc(request.headers());
        let mut standing = None;
        let (metrics, outcome) = match self.lane(request.uri().path()) {
            Ok(lane) => (lane.metrics(), self.pass(lane, request, caller, trace, &mut standing).await),
            Err(refusal) => (&self.unrouted, Err(refusal)),
        };
        let mut response = outcome.unwrap_or_else(|refusal| refused(refusal, metrics, trace));
        if asked_in_grpc {
            response = chassis::grpc::in_grpc(response);
        }
        headers::protect(response.headers_mut(), caller.https);
        if let Some(standing) = standing {
            standing.tell(response.headers_mut());
        }
        if let Ok(trace_id) = HeaderValue::try_from(trace.trace_id()) {
            response.headers_mut().insert(TRACE_ID, trace_id);
        }
        let status = chassis::grpc::outcome(&response);
        metrics.answered(method, status, began.elapsed());
        self.spans.record(|| Span::answered(trace, None, method, metrics.route(), status, (at, self.spans.now())));
        response
    }

    fn lane(&self, path: &str) -> Result<&Arc<Lane>, Refusal> {
        // A request may name a host alone, or nothing (`*`): that leads nowhere.
        if !path.starts_with('/') {
            return Err(Refusal::NoRoute);
        }
        crate::path::check(path).map_err(Refusal::Path)?;
        self.lanes.find(path).ok_or(Refusal::NoRoute)
    }

    async fn pass(
        &self,
        lane: &Arc<Lane>,
        request: Request,
        caller: Caller,
        trace: TraceContext,
        standing: &mut Option<Standing>,
    ) -> Result<Response, Refusal> {
        headers::check(request.headers(), request.version()).map_err(Refusal::Headers)?;
        if request.method() == Method::OPTIONS {
            return Ok((StatusCode::NO_CONTENT, [(ALLOW, lane.allow().clone())]).into_response());
        }
        lane.check_method(request.method())?;
        lane.check_headers(request.headers())?;
        let (head, body) = request.into_parts();
        let admitted = self.admit(lane, &head.headers, caller, standing).await?;
        check_declared_length(&head.headers, lane.body_limit())?;
        // The seat comes after the body: who sends slowly holds none.
        let (body, _room) = self.uploads.take(body, lane.body_limit()).await?.into_parts();
        let seat = lane.enter()?;
        let left = admitted.as_ref().map(|admitted| admitted.until.since(self.clock.now()));
        let mut head = Self::outgoing(head, caller, trace, admitted.map(|admitted| admitted.pass));
        if lane.is_grpc() {
            grpc::outgoing(&mut head);
        }
        let (answer, replica) = self.exchange(lane, head, body).await?;
        let (mut head, body) = answer.into_parts();
        headers::to_client(&mut head.headers);
        let body = seat.answer(body, replica, &self.draining, left);
        let ended = lane.is_grpc() && grpc::ends_with_status(&head.headers);
        let body = if ended { Body::new(grpc::Ended::new(body, self.retry_after)) } else { Body::new(body) };
        Ok(Response::from_parts(head, body))
    }

    /// Finds out who asks, and counts that: by the subject, else by the address. Whoever sends tokens that are none is
    /// counted too.
    async fn admit(
        &self,
        lane: &Lane,
        headers: &HeaderMap,
        caller: Caller,
        standing: &mut Option<Standing>,
    ) -> Result<Option<Admitted>, Refusal> {
        let admitted = match &self.guard {
            Some(guard) => guard.admit(headers, lane.roles()).await.map(Some),
            None => Ok(None),
        };
        *standing = lane.count(|| match &admitted {
            Ok(Some(admitted)) => rate::Client::Subject(admitted.identity.subject.clone()),
            Ok(None) | Err(_) => rate::Client::at(caller.address),
        });
        match standing.as_ref().and_then(Standing::wait) {
            Some(wait) => Err(Refusal::TooMany(wait)),
            None => admitted,
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

    /// The head of the request as its service gets it, but for the address.
    fn outgoing(mut head: Parts, caller: Caller, trace: TraceContext, pass: Option<HeaderValue>) -> Parts {
        let asked_for = head.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        let facts = Facts {
            client: caller.address,
            https: caller.https,
            host: asked_for.or_else(|| head.headers.get(HOST).cloned()),
            // Hex digits and dashes: always a header.
            traceparent: HeaderValue::try_from(trace.to_string()).unwrap_or(HeaderValue::from_static("")),
            pass,
        };
        headers::to_service(&mut head.headers, facts);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        head
    }

    /// Sends the request, and again if that can do no harm and the budget allows it.
    ///
    /// What was not sent at all may be sent to another replica. Besides, a service may close a connection at the moment a
    /// request is written to it. Then nobody knows whether the request was read; that must not be an error for a GET, and
    /// must never be done twice for a POST.
    async fn exchange(
        &self,
        lane: &Lane,
        head: Parts,
        body: Bytes,
    ) -> Result<(http::Response<Incoming>, Chosen), Refusal> {
        let (replicas, deadline) = (lane.replicas(), Instant::now() + lane.timeout());
        let idempotent = head.method.is_idempotent() && body.is_empty();
        let mut tried = Vec::new();
        let mut chosen = replicas.choose();
        while (idempotent || replicas.are_several()) && tried.len() + 1 < replicas.most_attempts() {
            tried.push(chosen.place());
            match self.send(lane, chosen, head.clone(), body.clone(), deadline).await {
                Err(refusal) if may_repeat(&refusal, idempotent, replicas.are_several()) && replicas.may_retry() => {
                    chosen = replicas.other_than(&tried);
                }
                outcome => return outcome,
            }
        }
        self.send(lane, chosen, head, body, deadline).await
    }

    async fn send(
        &self,
        lane: &Lane,
        to: Chosen,
        mut head: Parts,
        body: Bytes,
        deadline: Instant,
    ) -> Result<(http::Response<Incoming>, Chosen), Refusal> {
        head.headers.insert(HOST, to.host());
        head.uri = to.address(head.uri.path_and_query().cloned());
        let client = if lane.is_grpc() { &self.grpc } else { &self.upstreams[Workers::here()] };
        let answered = client.request(http::Request::from_parts(head, Full::new(body)));
        let outcome = match timeout_at(deadline, answered).await {
            Ok(answered) => answered.map_err(|error| Refusal::of(error, self.retry_after)),
            Err(_) => Err(Refusal::Timeout(lane.timeout())),
        };
        match outcome {
            Ok(answer) => {
                to.answered();
                Ok((answer, to))
            }
            Err(refusal) => {
                to.failed();
                Err(refusal)
            }
        }
    }
}

/// Whether it can do no harm to send a request again that came to this end.
const fn may_repeat(refusal: &Refusal, idempotent: bool, others: bool) -> bool {
    (others && refusal.was_not_sent()) || (idempotent && matches!(refusal, Refusal::Broken(_)))
}

/// Refuses a body that says itself that it is too large, before anything of it is sent.
fn check_declared_length(headers: &HeaderMap, most: u64) -> Result<(), Refusal> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > most) {
        return Err(Refusal::TooLarge(most));
    }
    Ok(())
}

fn refused(refusal: Refusal, metrics: &RouteMetrics, trace: TraceContext) -> Response {
    if let Some(kind) = refusal.fault() {
        metrics.fault(kind);
        // Under overload, and while nobody can be let in, a line per refused request would only add to the load.
        if !matches!(refusal, Refusal::Busy(_) | Refusal::NoKeys(_)) {
            let error = &refusal as &dyn std::error::Error;
            tracing::warn!(route = metrics.route(), kind, trace = trace.trace_id(), error, "a service failed");
        }
    }
    refusal.into_response()
}
