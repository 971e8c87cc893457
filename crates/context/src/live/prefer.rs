use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Header, HeaderBuilder, Required};

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The description of the operation.
pub(crate) const DESCRIPTION: &str =
    "The resource appears shortly after its first event. With `Prefer: wait=N` the response waits for it.";

/// The header with the applied preference.
pub(crate) const APPLIED: &str = "Preference-Applied";

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Extractor of the longest wait that the client prefers, from `Prefer: wait=N` (RFC 7240).
///
/// `None` without a preference, or if it is invalid: the RFC has such preferences ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PreferredWait(pub(crate) Option<Duration>);

impl<S: Send + Sync> FromRequestParts<S> for PreferredWait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(read(&parts.headers)))
    }
}

/// The header with the applied wait, in whole seconds.
pub(crate) fn applied(wait: Duration) -> [(HeaderName, HeaderValue); 1] {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let applied = HeaderValue::try_from(format!("wait={seconds}"));
    [(PREFERENCE_APPLIED, applied.unwrap_or_else(|_| HeaderValue::from_static("wait")))]
}

pub(crate) fn applied_header() -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let about = "`wait=N`: the longest wait in seconds, if the preference was applied. Also with 404.";
    HeaderBuilder::new().schema(Some(text)).description(Some(about)).build()
}

pub(crate) fn parameter() -> Parameter {
    let about = "`wait=N` (RFC 7240): if the resource does not exist, the answer waits for it, N seconds at most. The service \
                 has a limit of its own, and ignores invalid preferences.";
    ParameterBuilder::new()
        .name("Prefer")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some("wait=5".into()))
        .build()
}

/// Of a preference that is stated twice, the first counts.
fn read(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| split_unquoted(value, ','));
    seconds(preferences.find_map(wait)?)
}

/// The value of the preference `wait`, without parameters.
fn wait(preference: &str) -> Option<&str> {
    let (name, value) = split_unquoted(preference, ';').next()?.split_once('=')?;
    name.trim().eq_ignore_ascii_case("wait").then(|| value.trim())
}

fn seconds(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// The parts of a list, of which each may have quoted strings.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let is_escaped = std::mem::take(&mut escaped);
        match character {
            '\\' if quoted => escaped = !is_escaped,
            '"' if !is_escaped => quoted = !quoted,
            _ => {}
        }
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(values: &[&'static str]) -> Option<u64> {
        let headers = values.iter().map(|value| (PREFER, HeaderValue::from_static(value))).collect();
        read(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_preference_to_wait_is_read_wherever_it_stands() {
        for values in [
            &["wait=7"][..],
            &["respond-async, wait=7"],
            &["respond-async", "wait=7"],
            &["WAIT = 7 ; of=\"a, b;\" ,x"],
            &["wait=\"7\""],
            &["note=\"wait=1, \\\" wait=2\", wait=7"],
            &["wait=7, wait=8"],
        ] {
            assert_eq!(stated(values), Some(7), "{values:?}");
        }
        assert_eq!(stated(&["wait=0"]), Some(0));
        assert_eq!(stated(&["wait=99999999999999999999"]), Some(u64::MAX));
    }

    #[test]
    fn a_preference_that_cannot_be_read_is_none() {
        for values in [
            &[][..],
            &["wait"],
            &["wait="],
            &["wait=-1"],
            &["wait=+1"],
            &["wait=1.5"],
            &["wait=1s"],
            &["wait=\"1"],
            &["waits=1"],
            &["x;wait=1"],
            &["wait=soon, wait=1"],
        ] {
            assert_eq!(stated(values), None, "{values:?}");
        }
    }

    #[test]
    fn the_applied_wait_has_whole_seconds() {
        for (wait, text) in [(0, "wait=0"), (1, "wait=1"), (1_000, "wait=1"), (2_500, "wait=3")] {
            assert_eq!(applied(Duration::from_millis(wait))[0].1, text);
        }
    }
}
