//! HTTP statuses and problems as gRPC statuses, and back.

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::http::media_types::GRPC;
use crate::http::problem::Problem;

/// Translates a problem response into a gRPC status. Other headers, such as the trace, stay. Other responses stay as
/// they are.
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

/// The trailers of a gRPC response that fails after its head was sent.
pub fn trailers(problem: Problem) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Headers that cannot be written are left out: the client then sees a response without a status.
    let _ = Status::from(problem).add_header(&mut trailers);
    trailers
}

/// The HTTP status for metrics: a gRPC status in the head as its HTTP equivalent.
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

/// The gRPC code for an HTTP status.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::MISDIRECTED_REQUEST => {
            Code::InvalidArgument
        }
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::PAYMENT_REQUIRED => Code::FailedPrecondition,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::CONFLICT => Code::AlreadyExists,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => {
            Code::ResourceExhausted
        }
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
        if let Some(span) = problem.retry_delay() {
            details.set_retry_info(Some(span));
        }
        let code = problem.code().unwrap_or_else(|| code(problem.status()));
        Self::with_error_details(code, problem.message(), details)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse;

    use super::*;
    use crate::http::media_types::is_grpc;

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
        assert_eq!((status.code(), status.message()), (Code::Internal, "Internal error"));
        let status = Status::from(Problem::unavailable("full", Duration::ZERO).in_grpc(Code::ResourceExhausted));
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    #[test]
    fn problems_are_counted_alike_over_http_and_grpc() {
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
