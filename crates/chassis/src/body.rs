//! What a request carries: the fields of its body, the id in its path.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use futures_util::StreamExt;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use serde_json::{Map, Value};
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::Config;
use crate::openapi::number;
use crate::problem::Problem;
use crate::router::Surroundings;
use crate::trace::about;

/// The largest whole number that every JSON reader keeps exactly: 2^53 − 1.
pub const MAX_EXACT: i64 = (1 << 53) - 1;

/// How much of a body beyond the limit is read and thrown away. A client that is still sending when the connection
/// closes would lose the answer that tells it why.
const DISCARDED_BEYOND_LIMIT: usize = 1 << 20;

/// The JSON object in the body of a request. Fields that nobody asks for are ignored.
///
/// A number may also come as a string of digits: command line tools such as httpie send it like that.
#[derive(Debug, Clone)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// A whole number, written as a JSON number or as a string of digits. `None` if it is absent or null.
    pub fn whole_number(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match read_whole_number(value).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Problem::unprocessable_field(
                name,
                format!("must be a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    /// A text of at most `max_chars` characters. `None` if it is absent or null.
    pub fn text(&self, name: &str, max_chars: usize) -> Result<Option<&str>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().filter(|text| text.chars().nth(max_chars).is_none()).ok_or_else(|| {
            Problem::unprocessable_field(name, format!("must be a text of at most {max_chars} characters"))
        })?;
        // PostgreSQL cannot store it.
        if text.contains('\0') {
            return Err(Problem::unprocessable_field(name, "must not contain the character U+0000"));
        }
        Ok(Some(text))
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// The value of a field that must be there.
pub fn required<T>(value: Option<T>, name: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::unprocessable_field(name, "is required"))
}

fn read_whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(digits) => read_digits(digits),
        _ => None,
    }
}

fn read_digits(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// `5e4` and `50000.0` are whole; beyond 2^53 a float no longer says which number was meant.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "both are exact up to 2^53")]
fn whole(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() <= MAX_EXACT as f64).then_some(float as i64)
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        read_fields(request).await
    }
}

async fn read_fields(request: Request) -> Result<Fields, Problem> {
    expect_json(request.headers())?;
    let Surroundings { body_limit, body_read_timeout, .. } = *Surroundings::of(request.extensions())?;
    let bytes = timeout(body_read_timeout, read_body(request.into_body(), body_limit))
        .await
        .map_err(|_| too_slow(body_read_timeout))??;
    let text =
        str::from_utf8(&bytes).map_err(|error| Problem::bad_request(format!("the body is not UTF-8 text: {error}")))?;
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(Fields(fields)),
        Ok(_) => Err(not_an_object()),
        Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let given = content_type.as_deref().unwrap_or("missing");
    let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let suffixed = media_type.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"));
    if suffixed || media_type == "application/json" {
        return Ok(());
    }
    Err(not_json(given))
}

fn not_json(given: &str) -> Problem {
    let title = "The body must be JSON, and say so";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title)
        .detail(format!("the content type is {given}; send JSON with -H 'Content-Type: application/json'"))
}

async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body ended before it was complete"))?;
        seen += chunk.len();
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        } else if seen - limit > DISCARDED_BEYOND_LIMIT {
            break;
        }
    }
    if seen > limit { Err(too_large(limit)) } else { Ok(kept) }
}

/// All that [`Fields`] refuses, but for what is wrong with a field.
pub(crate) fn refusals() -> [Problem; 5] {
    let Config { body_limit, body_read_timeout, .. } = Config::default();
    [
        Problem::bad_request("the body is not JSON: expected value at line 1 column 1"),
        too_slow(body_read_timeout),
        too_large(body_limit),
        not_json("text/plain"),
        not_an_object(),
    ]
}

pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large")
        .detail(format!("the limit is {limit} bytes"))
}

pub(crate) fn too_slow(limit: Duration) -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body took too long")
        .detail(format!("the body must arrive within {limit:?}"))
}

fn not_an_object() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-an-object", "The body has no fields")
        .detail("the body must be a JSON object, such as {\"name\": \"value\"}")
}

/// The number in a path such as `/things/{id}`, from 1 to 2^53 − 1. What is no such number names nothing: 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| no_such_id())?;
        let id = params.iter().find_map(|(name, value)| (name == "id").then_some(value));
        let id = id.ok_or_else(|| {
            tracing::error!(path = %parts.uri.path(), "a handler asks for an id, but its route has no {{id}}");
            Problem::internal()
        })?;
        let id = read_id(id).ok_or_else(no_such_id)?;
        about(id);
        Ok(Self(id))
    }
}

fn read_id(text: &str) -> Option<i64> {
    read_digits(text).filter(|id| (1..=MAX_EXACT).contains(id))
}

impl IntoParams for Id {
    fn into_params(_location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = Parameter::builder().name("id").parameter_in(ParameterIn::Path).required(Required::True);
        let id = id.schema(Some(number(&(1..=MAX_EXACT)))).example(Some(5000.into()));
        vec![id.description(Some("Which one. What is no such number names nothing: 404.")).build()]
    }
}

pub(crate) fn no_such_id() -> Problem {
    Problem::not_found(format!("an id is a whole number from 1 to {MAX_EXACT}"))
}
