//! The one place where what went wrong becomes an answer.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chassis::problem::Problem;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use hyper_util::client::legacy;
use thiserror::Error;
use tonic::Code;

use crate::upstream::ConnectError;

/// Why a request is not answered by its service.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The path could be read in more than one way.
    #[error("{0}")]
    Path(&'static str),
    /// The headers could be read in more than one way.
    #[error("{0}")]
    Headers(&'static str),
    /// The headers are larger than they may be.
    #[error("headers may have {0} bytes, names and values together")]
    HeadersTooLarge(usize),
    /// No route covers the path.
    #[error("no route has this path")]
    NoRoute,
    /// The route does not open this method.
    #[error("the methods of this path are {0:?}")]
    Method(HeaderValue),
    /// It bears no token.
    #[error("this needs a token: Authorization: Bearer …")]
    NoToken(String),
    /// Its token is not believed. Why, is nobody's business outside.
    #[error("the token is not valid")]
    Token(String),
    /// It is known who asks, who has none of the roles.
    #[error("this is for other roles")]
    Forbidden(String),
    /// The identity provider was never reached.
    #[error("tokens cannot be verified at the moment")]
    NoKeys(Duration),
    /// There is no way to tell the services who asks.
    #[error("no pass could be made")]
    NoPass,
    /// The client asks more often than it may.
    #[error("too many requests: ask again later")]
    TooMany(Duration),
    /// The body is larger than it may be.
    #[error("a body may have {0} bytes")]
    TooLarge(u64),
    /// The client stopped sending its body.
    #[error("the body stopped coming")]
    UploadSilent,
    /// The client took too long to send its body.
    #[error("the body did not come within {0:?}")]
    UploadSlow(Duration),
    /// As many bodies are on their way as there is room for.
    #[error("too many bodies are on their way")]
    NoRoom(Duration),
    /// The client broke off.
    #[error("the body broke off")]
    UploadBroken,
    /// Too many requests of this route are in flight.
    #[error("too many requests are in flight")]
    Busy(Duration),
    /// The service takes no connection.
    #[error("the service takes no connection")]
    Refused(Duration),
    /// There is no way to the service.
    #[error("the service cannot be reached")]
    Unreachable(#[source] legacy::Error),
    /// Opening a connection took too long.
    #[error("the service does not take a connection in time")]
    ConnectTimeout,
    /// The service did not begin to answer in time.
    #[error("the service did not answer within {0:?}")]
    Timeout(Duration),
    /// The service broke the connection, or answered what is no HTTP.
    #[error("the service broke the connection")]
    Broken(#[source] legacy::Error),
}

impl Refusal {
    /// What `error`, which ended an exchange with a service, means to the client.
    pub fn of(error: legacy::Error, retry_after: Duration) -> Self {
        match cause::<ConnectError>(&error) {
            Some(ConnectError::Refused) => Self::Refused(retry_after),
            Some(ConnectError::Timeout) => Self::ConnectTimeout,
            Some(ConnectError::Unreachable(_)) => Self::Unreachable(error),
            None => Self::Broken(error),
        }
    }

    /// Whether the service certainly knows nothing of the request, so that another replica may be asked.
    pub const fn was_not_sent(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unreachable(_) | Self::ConnectTimeout)
    }

    /// The word for it in metrics, if the service is to blame and not the client.
    pub const fn fault(&self) -> Option<&'static str> {
        match self {
            Self::NoKeys(_) => Some("no_keys"),
            Self::NoPass => Some("no_pass"),
            Self::Busy(_) => Some("busy"),
            Self::Refused(_) => Some("refused"),
            Self::Unreachable(_) => Some("unreachable"),
            Self::ConnectTimeout => Some("connect_timeout"),
            Self::Timeout(_) => Some("timeout"),
            Self::Broken(_) => Some("broken"),
            _ => None,
        }
    }

    /// What a client needs (RFC 6750, section 3).
    fn challenge(&self) -> Option<HeaderValue> {
        let (realm, error) = match self {
            Self::NoToken(realm) => (realm, ""),
            Self::Token(realm) => (realm, r#", error="invalid_token""#),
            Self::Forbidden(realm) => (realm, r#", error="insufficient_scope""#),
            _ => return None,
        };
        let plain: String = realm.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
        HeaderValue::try_from(format!(r#"Bearer realm="{plain}"{error}"#)).ok()
    }

    /// What the client reads.
    pub fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Path(_) | Self::Headers(_) | Self::UploadBroken => Problem::bad_request(detail),
            Self::NoRoute => Problem::not_found(detail).in_grpc(Code::Unimplemented),
            Self::Method(_) => Problem::method_not_allowed(),
            Self::TooLarge(_) => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large").detail(detail)
            }
            Self::HeadersTooLarge(_) => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                Problem::new(status, "headers-too-large", "The headers are too large").detail(detail)
            }
            Self::UploadSilent | Self::UploadSlow(_) => {
                Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body took too long").detail(detail)
            }
            Self::NoToken(_) | Self::Token(_) => Problem::unauthorized().detail(detail),
            Self::Forbidden(_) => Problem::forbidden(detail),
            Self::NoPass => Problem::internal(),
            Self::TooMany(wait) => {
                let title = "This client asks too often";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", title)
                    .detail(detail)
                    .retry_after(*wait)
            }
            Self::NoKeys(retry_after)
            | Self::Busy(retry_after)
            | Self::Refused(retry_after)
            | Self::NoRoom(retry_after) => Problem::unavailable(detail, *retry_after),
            Self::Unreachable(_) | Self::Broken(_) => no_answer(detail),
            Self::ConnectTimeout | Self::Timeout(_) => {
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "gateway-timeout", "The service took too long").detail(detail)
            }
        }
    }
}

/// 502: there is nobody behind the gateway, or he broke off.
pub fn no_answer(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "bad-gateway", "The service gave no answer").detail(detail)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem().into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Self::Method(allow) = self {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

/// The first `E` among the causes of `error`.
fn cause<E: std::error::Error + 'static>(error: &legacy::Error) -> Option<&E> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| cause.source()).find_map(|cause| cause.downcast_ref())
}
