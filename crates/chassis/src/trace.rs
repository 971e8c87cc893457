//! Which piece of work a request belongs to.

use axum::extract::FromRequestParts;
use events::TraceContext;
use hyper::http::request::Parts;

use crate::problem::Problem;
use crate::router::Surroundings;

/// The trace context of this request: a child of what its `traceparent` header says, else a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace(pub TraceContext);

impl<S: Send + Sync> FromRequestParts<S> for Trace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        read(parts)
    }
}

fn read(parts: &mut Parts) -> Result<Trace, Problem> {
    // Whoever asks twice within a request gets the same answer.
    if let Some(known) = parts.extensions.get::<Trace>() {
        return Ok(*known);
    }
    let ids = &Surroundings::of(&parts.extensions)?.ids;
    let parent = parts.headers.get("traceparent").and_then(|header| TraceContext::parse(header.to_str().ok()?));
    let trace = Trace(parent.map_or_else(|| TraceContext::new(ids), |parent| parent.child(ids)));
    parts.extensions.insert(trace);
    Ok(trace)
}
