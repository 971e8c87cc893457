use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use events::excerpt;
use futures_util::FutureExt;
use hyper::Uri;
use tokio::time::Instant;

use crate::auth::authenticator;
use crate::grpc;
use crate::http::allowed_hosts::{self, AllowedHosts};
use crate::http::connection::HttpService;
use crate::http::cross_origin;
use crate::http::limits::RequestLimits;
use crate::http::problem::Problem;
use crate::process::config::Config;
use crate::process::health;
use crate::process::host::Host;
use crate::telemetry::metrics::{self, RequestMetrics};
use crate::telemetry::trace;

/// The routes of a process.
pub trait Application {
    /// The service with health, metrics and limits added.
    fn within(self, host: &Host, config: &Config) -> impl HttpService;
}

impl Application for Router {
    fn within(self, host: &Host, config: &Config) -> impl HttpService {
        router(self, host, config)
    }
}

/// The paths that every process serves.
pub const OWN_PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The routes of a service with those that every service has, and with limits and errors as problem+json.
///
/// [`run`](crate::run) applies this; tests that call routes without a server apply it themselves. An unknown path is
/// always 404: a fallback of `routes` is replaced.
pub fn router(routes: Router, host: &Host, config: &Config) -> Router {
    router_for(routes, host, config, host.allowed_hosts(host.authenticator().is_none()))
}

/// [`router`] with other allowed hosts.
pub fn router_for(routes: Router, host: &Host, config: &Config, hosts: AllowedHosts) -> Router {
    let limits = Arc::new(RequestLimits { body_limit: config.body_limit, body_read_timeout: config.body_read_timeout });
    // Unknown paths and methods do not reach these layers: both fallbacks are set below.
    let routes = routes.layer(from_fn_with_state(Arc::clone(host.health()), cross_origin::reject_cross_origin));
    let routes = match host.authenticator() {
        Some(authenticator) => {
            routes.layer(from_fn_with_state((authenticator, host.clock()), authenticator::authenticate))
        }
        None => routes,
    };
    let routes = if config.begins_traces {
        routes
    } else {
        routes.layer(from_fn_with_state(host.spans(), trace::trace_request))
    };
    // The layer added last sees a request first.
    routes
        .merge(health::routes(Arc::clone(host.health())))
        .merge(grpc::health(Arc::clone(host.health())))
        .merge(metrics::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // axum's own extractors obey the same limit.
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(Extension(limits))
        .layer(from_fn_with_state(hosts, allowed_hosts::require_allowed_host))
        .layer(from_fn_with_state(Arc::default(), observe))
        .layer(from_fn(grpc::translate_problems))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("no resource has the path {}", excerpt(uri.path()))).in_grpc(tonic::Code::Unimplemented)
}

/// Counts and times every request, and responds 500 if a handler panics.
async fn observe(State(metrics): State<Arc<RequestMetrics>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = metrics::method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    // The panic hook has logged the panic itself.
    let mut response = answered.unwrap_or_else(|_| Problem::internal().into_response());
    cross_origin::add_accept_header(method, &mut response);
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    metrics.record(method, route, grpc::outcome(&response), began.elapsed());
    response
}
