//! Errors of the gateway, and the responses to them.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chassis::access::HostError;
use chassis::problem::Problem;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use hyper_util::client::legacy;
use thiserror::Error;
use tonic::Code;

/// Why a request gets no response from its service.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The path is ambiguous.
    #[error("{0}")]
    AmbiguousPath(&'static str),
    /// The headers are ambiguous.
    #[error("{0}")]
    AmbiguousHeaders(&'static str),
    /// The request is for another host, or its host is ambiguous.
    #[error(transparent)]
    WrongHost(HostError),
    /// A web page of another origin sent it, which CORS does not allow.
    #[error("cross-origin requests are not allowed, unless cors lists them in the routes file")]
    ForeignOrigin,
    /// The content type is not accepted.
    #[error("the content type is {given}, and {wanted} is needed")]
    ContentType {
        /// The content type of the request.
        given: String,
        /// The accepted content type.
        wanted: &'static str,
    },
    /// The headers exceed the maximum size of the route.
    #[error("headers may have {0} bytes, names and values together")]
    HeadersTooLarge(usize),
    /// No route covers the path.
    #[error("no route has this path")]
    NoRoute,
    /// The route does not allow the method.
    #[error("the methods of this path are {0:?}")]
    MethodNotAllowed(HeaderValue),
    /// The token is missing.
    #[error("this needs a token: Authorization: Bearer …")]
    MissingToken(String),
    /// The token is invalid. The reason is not disclosed.
    #[error("the token is not valid")]
    InvalidToken(String),
    /// The caller has none of the required roles.
    #[error("this is for other roles")]
    Forbidden(String),
    /// The keys of the identity provider are unavailable.
    #[error("tokens cannot be verified at the moment")]
    KeysUnavailable(Duration),
    /// The internal token for the services cannot be signed.
    #[error("no pass could be made")]
    SigningFailed,
    /// The client exceeds the rate limit.
    #[error("too many requests: ask again later")]
    RateLimited(Duration),
    /// The client exceeds its share of a pool.
    #[error("too many requests of this client are under way: wait for their answers")]
    ShareExceeded(Duration),
    /// The client has cancelled too many calls.
    #[error("too many requests were cancelled before their answer: ask again later")]
    TooManyCancellations(Duration),
    /// The body exceeds the maximum size.
    #[error("a body may have {0} bytes")]
    BodyTooLarge(u64),
    /// The client paused for too long in its body.
    #[error("the body stopped coming")]
    BodyIdle,
    /// The body took too long in all.
    #[error("the body did not come within {0:?}")]
    BodyTimeout(Duration),
    /// The memory for request bodies is exhausted.
    #[error("too many bodies are on their way")]
    BuffersFull(Duration),
    /// The client aborted its body.
    #[error("the body broke off")]
    BodyAborted,
    /// Too many requests of the route are in flight.
    #[error("too many requests are in flight")]
    TooManyInFlight(Duration),
    /// The service refused the connection.
    #[error("the service takes no connection")]
    ConnectionRefused(Duration),
    /// The service is unreachable.
    #[error("the service cannot be reached")]
    Unreachable(#[source] legacy::Error),
    /// Connecting took too long.
    #[error("the service does not take a connection in time")]
    ConnectTimeout,
    /// The response did not begin in time.
    #[error("the service did not answer within {0:?}")]
    Timeout(Duration),
    /// The service closed the connection, and states that it has not processed the request.
    #[error("the service closed the connection")]
    NotProcessed(#[source] legacy::Error),
    /// The connection broke, or the response is not HTTP.
    #[error("the service broke the connection")]
    ConnectionBroken(#[source] legacy::Error),
}

impl GatewayError {
    /// Whether the service has certainly not received the request, so that another replica may get it.
    pub const fn was_not_sent(&self) -> bool {
        matches!(self, Self::ConnectionRefused(_) | Self::Unreachable(_) | Self::ConnectTimeout)
    }

    /// The label in metrics, for faults of services and of the gateway. `None` for faults of clients.
    pub const fn metric_label(&self) -> Option<&'static str> {
        match self {
            Self::KeysUnavailable(_) => Some("no_keys"),
            Self::SigningFailed => Some("no_pass"),
            Self::TooManyInFlight(_) => Some("busy"),
            Self::ConnectionRefused(_) => Some("refused"),
            Self::Unreachable(_) => Some("unreachable"),
            Self::ConnectTimeout => Some("connect_timeout"),
            Self::Timeout(_) => Some("timeout"),
            Self::NotProcessed(_) | Self::ConnectionBroken(_) => Some("broken"),
            _ => None,
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3).
    fn challenge(&self) -> Option<HeaderValue> {
        let (realm, error) = match self {
            Self::MissingToken(realm) => (realm, ""),
            Self::InvalidToken(realm) => (realm, r#", error="invalid_token""#),
            Self::Forbidden(realm) => (realm, r#", error="insufficient_scope""#),
            _ => return None,
        };
        let plain: String = realm.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
        HeaderValue::try_from(format!(r#"Bearer realm="{plain}"{error}"#)).ok()
    }

    /// The problem document for the client.
    pub fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::AmbiguousPath(_) | Self::AmbiguousHeaders(_) | Self::BodyAborted => Problem::bad_request(detail),
            Self::WrongHost(reason) => reason.problem(),
            Self::ContentType { given, wanted } => Problem::unsupported_media_type(given, wanted),
            Self::NoRoute => Problem::not_found(detail).in_grpc(Code::Unimplemented),
            Self::MethodNotAllowed(_) => Problem::method_not_allowed(),
            Self::BodyTooLarge(_) => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large").detail(detail)
            }
            Self::HeadersTooLarge(_) => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                Problem::new(status, "headers-too-large", "The headers are too large").detail(detail)
            }
            Self::BodyIdle | Self::BodyTimeout(_) => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body took too long").detail(detail)
            }
            Self::MissingToken(_) | Self::InvalidToken(_) => Problem::unauthorized().detail(detail),
            Self::ForeignOrigin | Self::Forbidden(_) => Problem::forbidden(detail),
            Self::SigningFailed => Problem::internal(),
            Self::RateLimited(wait) | Self::ShareExceeded(wait) | Self::TooManyCancellations(wait) => {
                let title = "Too many requests";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", title)
                    .detail(detail)
                    .retry_after(*wait)
            }
            Self::KeysUnavailable(retry_after)
            | Self::TooManyInFlight(retry_after)
            | Self::ConnectionRefused(retry_after)
            | Self::BuffersFull(retry_after) => Problem::unavailable(detail, *retry_after),
            Self::Unreachable(_) | Self::NotProcessed(_) | Self::ConnectionBroken(_) => bad_gateway(detail),
            Self::ConnectTimeout | Self::Timeout(_) => {
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "gateway-timeout", "The service took too long").detail(detail)
            }
        }
    }
}

/// 502: the service is unreachable, or its connection broke.
pub fn bad_gateway(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "bad-gateway", "The service gave no answer").detail(detail)
}

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response {
        let mut response = self.problem().into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::MethodNotAllowed(allow) = self {
            headers.insert(ALLOW, allow);
        }
        response
    }
}
