//! The trace of a request.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use events::TraceContext;
use hyper::HeaderMap;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use tracing::{Instrument, Value};

use crate::grpc::status::outcome;
use crate::http::problem::Problem;
use crate::telemetry::metrics::method_label;
use crate::telemetry::spans::{Span, Spans};

/// The trace context of the request: a child of its `traceparent` header, or a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(pub TraceContext);

impl Trace {
    /// The trace in the extensions of a request. 500 outside of [`router`](crate::router).
    pub fn of(request: &Extensions) -> Result<Self, Problem> {
        request.get::<Self>().copied().ok_or_else(|| {
            tracing::error!("a handler extracts its trace outside chassis::router");
            Problem::internal()
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Self::of(&parts.extensions)
    }
}

/// Adds the id of the business case to the log lines of this request.
pub fn correlate(case: impl Value) {
    tracing::Span::current().record("case", case);
}

/// Adds the trace id to the log lines of a request, and records its span.
pub(crate) async fn trace_request(State(spans): State<Spans>, mut request: Request, next: Next) -> Response {
    let parent = parent(request.headers());
    let trace = parent.map_or_else(|| spans.begin(), |parent| spans.within(&parent));
    request.extensions_mut().insert(Trace(trace));
    let (method, began) = (method_label(request.method()), spans.now());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let lines = tracing::info_span!("request", trace_id = trace.trace_id(), case = tracing::field::Empty);
    let response = next.run(request).instrument(lines).await;
    spans.record(|| {
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        Span::answered(trace, parent, method, route, outcome(&response), (began, spans.now()))
    });
    response
}

fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get("traceparent")?.to_str().ok()?)
}
