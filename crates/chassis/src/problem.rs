//! Errors as answers: `application/problem+json`, RFC 9457.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;
use serde_json::Value;
use tonic::Code;
use utoipa::ToSchema;

/// Why a request was not done, told to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    code: Option<Code>,
}

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
}

impl Problem {
    /// A problem of a kind that clients can tell apart: its type is `urn:flotilla:problem:<kind>`.
    pub const fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self { status, kind, title, detail: None, errors: Vec::new(), retry_after: None, code: None }
    }

    /// What is wrong this time, for people.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A field of the body, and the rule that it broke.
    #[must_use]
    pub fn field(mut self, name: &str, rule: impl Into<String>) -> Self {
        self.errors.push(FieldError { pointer: format!("#/{name}"), detail: rule.into() });
        self
    }

    /// When to come back: told in whole seconds, rounded up, at least one.
    #[must_use]
    pub const fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }

    /// The code that says more in gRPC than the one that goes with the status.
    #[must_use]
    pub const fn in_grpc(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) const fn code(&self) -> Option<Code> {
        self.code
    }

    /// What is wrong, in one sentence.
    pub(crate) fn text(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.title)
    }

    /// Each field that broke a rule, and the rule.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.errors.iter().map(|error| (error.pointer.trim_start_matches("#/"), error.detail.as_str()))
    }

    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What clients tell it apart by, without the part that all kinds have.
    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) const fn when_to_come_back(&self) -> Option<Duration> {
        self.retry_after
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read").detail(detail)
    }

    /// 401: it is not known who asks. Not a word about why.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "It is not known who asks")
            .detail("a valid token is needed: Authorization: Bearer …")
    }

    /// 403: it is known who asks, who may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed").detail(detail)
    }

    /// 404: there is nothing here.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here").detail(detail)
    }

    /// 405: this resource does not know this method.
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed here")
            .detail("see the Allow header for the methods of this resource")
    }

    /// 409: the state of the resource forbids it.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The state of the resource forbids this").detail(detail)
    }

    /// 422: a field breaks a rule. `rule` goes on where the name of the field ends: "must be …".
    pub fn unprocessable_field(name: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "A field is not valid")
            .detail(format!("{name} {rule}"))
            .field(name, rule)
    }

    /// 503: not now, but later.
    pub fn unavailable(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at the moment")
            .detail(detail)
            .retry_after(retry_after)
    }

    /// 500: our fault. What went wrong belongs into the log, not into the answer.
    pub const fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side")
    }

    fn as_document(&self) -> Document<'_> {
        Document {
            r#type: format!("urn:flotilla:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail.as_deref(),
            errors: &self.errors,
        }
    }

    /// What a client reads.
    pub(crate) fn document(&self) -> Value {
        serde_json::to_value(self.as_document()).unwrap_or_default()
    }

    fn body(&self) -> Vec<u8> {
        // Text and numbers always serialize.
        serde_json::to_vec(&self.as_document()).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(span) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(span)));
        }
        // For whoever has to say it in another form.
        response.extensions_mut().insert(self);
        response
    }
}

fn whole_seconds(span: Duration) -> u64 {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    seconds.max(1)
}
