//! Which piece of work a request belongs to.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use events::TraceContext;
use hyper::HeaderMap;
use hyper::http::Extensions;
use hyper::http::request::Parts;
use tracing::Instrument;

use crate::problem::Problem;
use crate::spans::Span;
use crate::{Spans, grpc, method_label};

/// The trace context of this request: a child of what its `traceparent` header says, else a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(pub TraceContext);

impl Trace {
    /// What the extensions of a request tell.
    pub fn of(request: &Extensions) -> Result<Self, Problem> {
        request.get::<Self>().copied().ok_or_else(|| {
            tracing::error!("a handler asks for its trace outside chassis::router");
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

/// Says which case of the business this request is about: its lines in the log carry it from now on.
pub fn about(case: i64) {
    tracing::Span::current().record("case", case);
}

/// Gives a request its place in its trace: its lines in the log carry the trace's id, and what it was becomes a span.
pub(crate) async fn follow(State(spans): State<Spans>, mut request: Request, next: Next) -> Response {
    let parent = parent(request.headers());
    let trace = parent.map_or_else(|| spans.begin(), |parent| spans.within(&parent));
    request.extensions_mut().insert(Trace(trace));
    let (method, began) = (method_label(request.method()), spans.now());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let lines = tracing::info_span!("request", trace_id = trace.trace_id(), case = tracing::field::Empty);
    let response = next.run(request).instrument(lines).await;
    spans.record(|| {
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        Span::answered(trace, parent, method, route, grpc::outcome(&response), (began, spans.now()))
    });
    response
}

fn parent(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::parse(headers.get("traceparent")?.to_str().ok()?)
}
