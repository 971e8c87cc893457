//! Extractor of the fields of a JSON body.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use ambient::Positive;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use futures_util::StreamExt;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::http::limits::RequestLimits;
use crate::http::number;
use crate::http::problem::Problem;
use crate::process::config::Config;

pub use crate::http::number::MAX_EXACT;
pub use crate::http::path_id::{Id, PathId};

/// The JSON object in the body of a request. Unknown fields are ignored.
///
/// A number may also be a string of digits, as httpie and other command line tools send it. Numbers stay text until
/// they are validated, so that nothing is rounded and unused numbers may have any size.
#[derive(Debug, Clone)]
pub struct Fields(BTreeMap<String, Field>);

/// The value of a field, as far as handlers can read it.
#[derive(Debug, Clone)]
enum Field {
    /// As written in the body.
    Number(Box<str>),
    Text(String),
    /// A list of strings.
    Texts(Vec<String>),
    /// `true`, `false`, another list, an object, or a string that is not valid Unicode (half of a surrogate pair).
    Other,
}

impl Fields {
    /// An integer, written as a JSON number or as a string of digits. `None` if it is absent or null. 422 if it is
    /// invalid.
    pub fn whole_number(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match value.whole_number().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(Problem::unprocessable_field(
                name,
                format!("must be a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }

    /// A positive integer, written as a JSON number or as a string of digits. `None` if it is absent or null. 422 if it is
    /// invalid.
    pub fn positive(&self, name: &str) -> Result<Option<Positive>, Problem> {
        let number = self.whole_number(name, 1..=Positive::MAX)?.map(Positive::new).transpose();
        number.map_err(|rule| Problem::unprocessable_field(name, rule.to_string()))
    }

    /// A string of at most `max_chars` characters. `None` if it is absent or null. 422 if it is invalid.
    pub fn text(&self, name: &str, max_chars: usize) -> Result<Option<&str>, Problem> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = value.text().filter(|text| text.chars().nth(max_chars).is_none()).ok_or_else(|| {
            Problem::unprocessable_field(name, format!("must be a text of at most {max_chars} characters"))
        })?;
        // PostgreSQL cannot store U+0000.
        if text.contains('\0') {
            return Err(Problem::unprocessable_field(name, "must not contain the character U+0000"));
        }
        Ok(Some(text))
    }

    /// A list of at most `max_items` different strings of 1 to `max_chars` characters. `None` if it is absent or null. 422 if it
    /// is invalid.
    pub fn texts(&self, name: &str, max_items: usize, max_chars: usize) -> Result<Option<&[String]>, Problem> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let is_text = |text: &String| !text.is_empty() && text.chars().nth(max_chars).is_none() && !text.contains('\0');
        let are_different = |texts: &&[String]| texts.iter().collect::<BTreeSet<_>>().len() == texts.len();
        let texts = value.texts().filter(|texts| texts.len() <= max_items && texts.iter().all(is_text));
        texts.filter(are_different).map(Some).ok_or_else(|| {
            let rule = format!("must be a list of at most {max_items} different texts of 1 to {max_chars} characters");
            Problem::unprocessable_field(name, rule)
        })
    }

    /// The names of the fields that are present and not null.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// `None` if the text is not an object. The last of several fields with the same name wins.
    fn read(text: &str) -> Result<Option<Self>, serde_json::Error> {
        let whole: &RawValue = serde_json::from_str(text)?;
        if !whole.get().starts_with('{') {
            return Ok(None);
        }
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(whole.get())?;
        let given = fields.into_iter().filter(|(_, value)| value.get() != "null");
        Ok(Some(Self(given.map(|(name, value)| (name, Field::of(value.get()))).collect())))
    }
}

impl Field {
    fn of(value: &str) -> Self {
        match value.as_bytes().first() {
            Some(b'"') => serde_json::from_str(value).map_or(Self::Other, Self::Text),
            Some(b'-' | b'0'..=b'9') => Self::Number(value.into()),
            Some(b'[') => serde_json::from_str(value).map_or(Self::Other, Self::Texts),
            _ => Self::Other,
        }
    }

    fn whole_number(&self) -> Option<i64> {
        match self {
            Self::Number(text) => number::parse_json(text),
            Self::Text(digits) => number::parse_digits(digits),
            Self::Texts(_) | Self::Other => None,
        }
    }

    fn texts(&self) -> Option<&[String]> {
        match self {
            Self::Texts(texts) => Some(texts),
            Self::Number(_) | Self::Text(_) | Self::Other => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Texts(_) | Self::Other => None,
        }
    }
}

/// The value of a mandatory field. 422 if it is `None`.
pub fn required<T>(value: Option<T>, name: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::unprocessable_field(name, "is required"))
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        read_fields(request).await
    }
}

async fn read_fields(request: Request) -> Result<Fields, Problem> {
    expect_json(request.headers())?;
    let bytes = read_whole(request).await?;
    let text =
        str::from_utf8(&bytes).map_err(|error| Problem::bad_request(format!("the body is not UTF-8 text: {error}")))?;
    let fields = Fields::read(text).map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))?;
    fields.ok_or_else(not_an_object)
}

/// Reads the whole body of a request within the limits.
pub(crate) async fn read_whole(request: Request) -> Result<Vec<u8>, Problem> {
    let RequestLimits { body_limit, body_read_timeout, .. } = *RequestLimits::of(request.extensions())?;
    let body = timeout(body_read_timeout, read_body(request.into_body(), body_limit));
    body.await.map_err(|_| too_slow(body_read_timeout))?
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
    Problem::unsupported_media_type(given, "application/json")
}

async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body ended before it was complete"))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The problems of [`Fields`], except for those of single fields.
pub(crate) fn problems() -> [Problem; 6] {
    let Config { body_limit, body_read_timeout, .. } = Config::default();
    [
        Problem::bad_request("the body is not JSON: expected value at line 1 column 1"),
        too_slow(body_read_timeout),
        too_large(body_limit),
        not_json("text/plain"),
        Problem::unsupported_coding("gzip"),
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
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-an-object", "The body is not an object")
        .detail("the body must be a JSON object, such as {\"name\": \"value\"}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_has_no_text_twice_and_no_empty_one() {
        let read = |value: &str| {
            let fields = Fields::read(&format!("{{\"names\":{value}}}")).unwrap().unwrap();
            fields
                .texts("names", 2, 3)
                .map(|texts| texts.map(<[String]>::to_vec))
                .map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(read("null"), Ok(None));
        assert_eq!(read("[]"), Ok(Some(vec![])));
        assert_eq!(read("[\"a\",\"éßx\"]"), Ok(Some(vec!["a".to_owned(), "éßx".to_owned()])));
        for invalid in
            ["[\"a\",\"a\"]", "[\"\"]", "[\"abcd\"]", "[\"a\",\"b\",\"c\"]", "[1]", "\"a\"", "{}", "[\"\\u0000\"]"]
        {
            assert_eq!(read(invalid), Err(422), "{invalid}");
        }
    }
}
