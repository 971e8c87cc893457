use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use futures_util::FutureExt;
use hyper::Uri;
use hyper::http::Extensions;
use tokio::time::Instant;

use crate::http_metrics::{self, RequestMetrics};
use crate::problem::Problem;
use crate::{Answers, Config, Host, asker, grpc, health, trace};

/// What extractors need to know of the process.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) body_limit: usize,
    pub(crate) body_read_timeout: Duration,
}

impl Surroundings {
    pub(crate) fn of(extensions: &Extensions) -> Result<&Self, Problem> {
        extensions.get::<Arc<Self>>().map(AsRef::as_ref).ok_or_else(|| {
            tracing::error!("a handler uses the extractors of chassis outside chassis::router");
            Problem::internal()
        })
    }
}

/// What a process answers.
pub trait App {
    /// All that it answers, with health and metrics.
    fn within(self, host: &Host, config: &Config) -> impl Answers;
}

impl App for Router {
    fn within(self, host: &Host, config: &Config) -> impl Answers {
        router(self, host, config)
    }
}

/// The paths that every process answers.
pub const OWN_PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The routes of a service with all that every service has: health, metrics, limits, and errors as problem+json.
///
/// [`run`](crate::run) applies this; tests that call routes without a server apply it themselves. An unknown path is
/// always 404: a fallback of `routes` is replaced.
pub fn router(routes: Router, host: &Host, config: &Config) -> Router {
    let surroundings =
        Arc::new(Surroundings { body_limit: config.body_limit, body_read_timeout: config.body_read_timeout });
    let routes = match host.doorkeeper() {
        Some(keeper) => routes.layer(from_fn_with_state((keeper, host.clock()), asker::admit)),
        None => routes,
    };
    let routes =
        if config.begins_traces { routes } else { routes.layer(from_fn_with_state(host.spans(), trace::follow)) };
    // Layers wrap what is above them: the last one sees a request first.
    routes
        .merge(health::routes(Arc::clone(host.health())))
        .merge(grpc::health(Arc::clone(host.health())))
        .merge(http_metrics::routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        // The extractors of axum itself obey the limit too.
        .layer(DefaultBodyLimit::max(config.body_limit))
        .layer(Extension(surroundings))
        .layer(from_fn_with_state(Arc::default(), observe))
        .layer(from_fn(grpc::speak))
}

async fn unknown_path(uri: Uri) -> Problem {
    Problem::not_found(format!("no resource has the path {}", uri.path())).in_grpc(tonic::Code::Unimplemented)
}

/// Counts and times every request, and answers 500 where a handler panicked.
async fn observe(State(metrics): State<Arc<RequestMetrics>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = http_metrics::method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    // The panic itself is in the log already: see the hook in telemetry.
    let response = answered.unwrap_or_else(|_| Problem::internal().into_response());
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    metrics.record(method, route, grpc::outcome(&response), began.elapsed());
    response
}
