//! Error responses: `application/problem+json`, RFC 9457.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use events::excerpt;
use hyper::StatusCode;
use hyper::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::{Map, Value};
use tonic::Code;
use utoipa::ToSchema;

use crate::http::media_types::{GRPC, PROBLEM_JSON};

/// Why a request failed, for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    // Boxed, as is what few problems have: a problem is the error of most functions, and returned by value.
    detail: Option<Box<str>>,
    errors: Vec<FieldError>,
    members: Option<Box<Map<String, Value>>>,
    retry_after: Option<Duration>,
    code: Option<Code>,
    accepted: Option<&'static str>,
    is_unsupported_coding: bool,
}

/// The title of a 415 to JSON clients, for content types and content codings.
const JSON_NEEDED: &str = "Unsupported media type: JSON is required";

/// A field of the body that broke a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field, as a JSON pointer.
    #[schema(example = "#/name")]
    pointer: String,
    /// The rule.
    detail: String,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: Option<&'a Map<String, Value>>,
}

impl Problem {
    /// A problem with the type `urn:flotilla:problem:<kind>`.
    pub const fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self {
            status,
            kind,
            title,
            detail: None,
            errors: Vec::new(),
            members: None,
            retry_after: None,
            code: None,
            accepted: None,
            is_unsupported_coding: false,
        }
    }

    /// The explanation of this occurrence, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into());
        self
    }

    /// An invalid field of the body, and the rule that it violates.
    #[must_use]
    pub fn field(mut self, name: &str, rule: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: format!("#/{name}"), detail: rule.into() });
        self
    }

    /// An extension member (RFC 9457, section 3.2): what a program may need to know of this occurrence.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// The time after which a retry makes sense. Sent in whole seconds, rounded up, at least one.
    #[must_use]
    pub const fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// The gRPC code, where it is more specific than that of the status.
    #[must_use]
    pub const fn in_grpc(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The content type that would be accepted.
    pub(crate) const fn accepted(&self) -> Option<&'static str> {
        self.accepted
    }

    pub(crate) const fn code(&self) -> Option<Code> {
        self.code
    }

    /// The detail, or the title without one.
    pub fn message(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.title)
    }

    /// Each invalid field, and the rule that it violates.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|error| (error.pointer.trim_start_matches("#/"), error.detail.as_str()))
    }

    /// The status of the response.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The last part of the type.
    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) const fn retry_delay(&self) -> Option<Duration> {
        self.retry_after
    }

    /// 400: the request is malformed.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read").detail(detail)
    }

    /// 401: the caller is not authenticated. The reason is not disclosed.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Authentication required")
            .detail("a valid token is needed: Authorization: Bearer …")
    }

    /// 403: the caller is authenticated, but not allowed to do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed").detail(detail)
    }

    /// 404: no such resource.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found").detail(detail)
    }

    /// 405: the resource does not support the method.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            .detail("see the Allow header for the methods of this resource")
    }

    /// 409: the state of the resource forbids the request.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Conflict with the state of the resource").detail(detail)
    }

    /// 415: the content type is not `accepted`.
    pub fn unsupported_media_type(given: &str, accepted: &'static str) -> Self {
        let given = excerpt(given);
        let detail = format!("the content type is {given}; send -H 'Content-Type: {accepted}'");
        let title = if accepted == GRPC { "Unsupported media type: gRPC is required" } else { JSON_NEEDED };
        let problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title);
        Self { accepted: Some(accepted), ..problem.detail(detail) }
    }

    /// 415: content codings are not supported (RFC 7694).
    pub fn unsupported_coding(given: &str) -> Self {
        let given = excerpt(given);
        let problem = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", JSON_NEEDED);
        Self {
            is_unsupported_coding: true,
            ..problem.detail(format!("the content coding is {given}; send the body without one"))
        }
    }

    /// 431: the head of the request exceeds the limits.
    pub fn head_too_large() -> Self {
        let title = "The head of the request is too large";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", title)
            .detail("the first line and the headers have more bytes or more lines than this process takes")
    }

    /// 422: an invalid field. `rule` continues a sentence that begins with the name of the field: "must be …".
    pub fn unprocessable_field(name: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "A field is not valid")
            .detail(format!("{name} {rule}"))
            .field(name, rule)
    }

    /// 503: temporarily unavailable.
    pub fn unavailable(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Service unavailable")
            .detail(detail)
            .retry_after(retry_after)
    }

    /// 500: an internal error. The cause belongs in the log, not in the response.
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
    }

    fn as_document(&self) -> Document<'_> {
        Document {
            r#type: format!("urn:flotilla:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail.as_deref(),
            errors: &self.errors,
            members: self.members.as_deref(),
        }
    }

    /// The JSON document.
    pub(crate) fn document(&self) -> Value {
        serde_json::to_value(self.as_document()).unwrap_or_default()
    }

    fn body(&self) -> Vec<u8> {
        // Strings and numbers always serialize.
        serde_json::to_vec(&self.as_document()).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(span) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(span)));
        }
        if self.is_unsupported_coding {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        // For layers that translate the problem.
        response.extensions_mut().insert(self);
        response
    }
}

fn whole_seconds(span: Duration) -> u64 {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    seconds.max(1)
}
