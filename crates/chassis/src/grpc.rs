//! gRPC beside REST: on the same port, by the same rules, with the same words.
//!
//! A problem is told as a status, whoever refuses: the codes are below, and details say which field is wrong and when to come
//! back. Who asks, traces, metrics and the limits of a connection are those of every request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post_service;
use futures_util::{StreamExt, stream};
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as Asked, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_types::{ErrorDetails, StatusExt};
use tower::Service;

use crate::Host;
use crate::body::{too_large, too_slow};
use crate::health::Health;
use crate::problem::Problem;
use crate::router::Surroundings;

const GRPC: &str = "application/grpc";

/// The routes of a gRPC service: one for each method, so that metrics tell them apart. `host` says of it what `/readyz` says.
pub fn routes<S>(service: &S, methods: &[&str], host: &Host) -> Router
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    host.health().serves(S::NAME);
    routes_of(service, methods)
}

/// Reflection: tells clients that have no .proto file what is served here, by its descriptor; and of health.
pub fn reflection(descriptor: &[u8]) -> Result<Router, tonic_reflection::server::Error> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(descriptor)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    Ok(routes_of(&reflection, &["ServerReflectionInfo"]))
}

fn routes_of<S>(service: &S, methods: &[&str]) -> Router
where
    S: Service<Request, Response: IntoResponse, Error = Infallible, Future: Send>,
    S: NamedService + Clone + Send + Sync + 'static,
{
    let path = |method: &&str| format!("/{}/{method}", S::NAME);
    let route = |router: Router, path: String| router.route(&path, post_service(service.clone()));
    methods.iter().map(path).fold(Router::new(), route).layer(from_fn(bound))
}

/// Keeps the body of a request within the limits that every body has.
async fn bound(request: Request, next: Next) -> Response {
    match Surroundings::of(request.extensions()) {
        Ok(&Surroundings { body_limit, body_read_timeout, .. }) => {
            next.run(request.map(|body| bounded(body, body_limit, body_read_timeout))).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn bounded(body: Body, limit: usize, within: Duration) -> Body {
    let deadline = Instant::now() + within;
    let parts = stream::try_unfold((body.into_data_stream(), limit), move |(mut parts, left)| async move {
        let part = timeout_at(deadline, parts.next()).await.map_err(|_| too_slow(within))?;
        let Some(part) = part else { return Ok(None) };
        let part = part.map_err(|_| Problem::bad_request("the body ended before it was complete"))?;
        let left = left.checked_sub(part.len()).ok_or_else(|| too_large(limit))?;
        Ok(Some((part, (parts, left))))
    });
    Body::from_stream(parts.map(|part| part.map_err(|problem: Problem| Status::from(problem))))
}

/// Tells whoever asks by gRPC in gRPC what was refused.
pub async fn speak(request: Request, next: Next) -> Response {
    let asked = is_grpc(request.headers());
    let response = next.run(request).await;
    if asked { in_grpc(response) } else { response }
}

/// The same in gRPC, if it is a problem. What else is said in the head, such as the trace, stays.
pub fn in_grpc(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut head = response.into_parts().0;
    head.status = StatusCode::OK;
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    match Status::from(problem).add_header(&mut head.headers) {
        Ok(()) => Response::from_parts(head, Body::empty()),
        Err(status) => status.into_http(),
    }
}

/// What ends an answer of gRPC that cannot be brought to its own end.
pub fn trailers(problem: Problem) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Headers that cannot be made are left out, and the client is told that the answer has no end.
    let _ = Status::from(problem).add_header(&mut trailers);
    trailers
}

/// Whether these are the headers of a message of gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()))
}

/// How an answer is counted: a status of gRPC that comes with the head as that of HTTP which says the same.
pub fn outcome(response: &Response) -> StatusCode {
    let Some(code) = response.headers().get(Status::GRPC_STATUS) else { return response.status() };
    match Code::from_bytes(code.as_bytes()) {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound | Code::Unimplemented => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code that says what a status of HTTP says.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidArgument,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::PAYMENT_REQUIRED => Code::FailedPrecondition,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::CONFLICT => Code::AlreadyExists,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        _ => Code::Internal,
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut details = ErrorDetails::new();
        for (field, rule) in problem.fields() {
            details.add_bad_request_violation(field, rule);
        }
        if let Some(span) = problem.when_to_come_back() {
            details.set_retry_info(Some(span));
        }
        let code = problem.code().unwrap_or_else(|| code(problem.status()));
        Self::with_error_details(code, problem.text(), details)
    }
}

/// Whether the process may be sent requests, in the words of gRPC: what `/readyz` says.
#[derive(Clone)]
struct Readiness(Arc<Health>);

#[async_trait]
impl Asked for Readiness {
    type WatchStream = stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        if !self.0.knows(service) {
            return Err(Status::not_found(format!("there is no service {service:?} here")));
        }
        let serving = if self.0.readiness().await.0 { ServingStatus::Serving } else { ServingStatus::NotServing };
        Ok(tonic::Response::new(HealthCheckResponse { status: serving.into() }))
    }

    /// The protocol lets a server have none: clients then go on without.
    async fn watch(
        &self,
        _request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("readiness is not watched here: ask Check"))
    }
}

/// `grpc.health.v1.Health`, beside `/readyz`.
pub(crate) fn health(health: Arc<Health>) -> Router {
    routes_of(&HealthServer::new(Readiness(health)), &["Check", "Watch"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_status_with_the_same_words_and_the_details_that_clients_need() {
        let status = Status::from(Problem::unprocessable_field("price", "must be more"));
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "price must be more"));
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!((violations[0].field.as_str(), violations[0].description.as_str()), ("price", "must be more"));
        let status = Status::from(Problem::unavailable("later", Duration::from_secs(7)));
        let wait = status.get_details_retry_info().unwrap().retry_delay;
        assert_eq!((status.code(), wait), (Code::Unavailable, Some(Duration::from_secs(7))));
        let status = Status::from(Problem::internal());
        assert_eq!((status.code(), status.message()), (Code::Internal, "Something went wrong on our side"));
        let status = Status::from(Problem::unavailable("full", Duration::ZERO).in_grpc(Code::ResourceExhausted));
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    #[test]
    fn what_is_refused_is_counted_alike_whoever_asked() {
        for problem in [
            Problem::bad_request("x"),
            Problem::unauthorized(),
            Problem::forbidden("x"),
            Problem::not_found("x"),
            Problem::conflict("x"),
            Problem::unavailable("x", Duration::ZERO),
            Problem::internal(),
        ] {
            let status = problem.status();
            let mut response = problem.into_response();
            response.headers_mut().insert("x-trace-id", HeaderValue::from_static("7"));
            assert_eq!(outcome(&response), status);
            let response = in_grpc(response);
            assert_eq!((response.status(), outcome(&response)), (StatusCode::OK, status));
            assert!(is_grpc(response.headers()) && response.headers()["x-trace-id"] == "7");
            assert!(!response.headers().contains_key(CONTENT_LENGTH));
        }
    }
}
