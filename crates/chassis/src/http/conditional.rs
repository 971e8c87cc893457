//! Conditional requests (RFC 9110, section 13).

use std::convert::Infallible;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HeaderBuilder, Required};

use crate::http::problem::Problem;

/// Bytes of the hash in an entity tag: enough to exclude accidental collisions.
const TAG_BYTES: usize = 16;

/// A JSON document with its strong entity tag, a hash of its bytes.
#[derive(Debug)]
pub struct Tagged {
    body: Vec<u8>,
    tag: HeaderValue,
}

impl Tagged {
    /// Serializes a resource. 500 if that fails.
    pub fn new<T: Serialize>(resource: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(resource).map_err(unwritable)?;
        let mut tag = String::from("\"");
        for byte in digest(&SHA256, &body).as_ref().iter().take(TAG_BYTES) {
            // Writing to a String cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        Ok(Self { body, tag: HeaderValue::try_from(tag).map_err(unwritable)? })
    }
}

fn unwritable(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a resource has no representation");
    Problem::internal()
}

impl IntoResponse for Tagged {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json")), (ETAG, self.tag)];
        (headers, self.body).into_response()
    }
}

/// The `If-Match` and `If-None-Match` conditions of a request.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    some: Option<Tags>,
    none: Option<Tags>,
}

impl Conditions {
    /// The conditions in these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { some: Tags::of(headers, &IF_MATCH), none: Tags::of(headers, &IF_NONE_MATCH) }
    }

    /// Whether the conditions allow a change of the resource in its state `now`. Unless the caller holds its lock, it may have
    /// changed by the time of the change.
    pub fn allow<T: Serialize>(&self, now: &T) -> bool {
        if self.some.is_none() && self.none.is_none() {
            return true;
        }
        Tagged::new(now).is_ok_and(|Tagged { tag, .. }| self.is_as_seen(&tag) && !self.is_known(&tag))
    }

    /// The response to a read: the resource, 304 if the client has it already, 412 if `If-Match` does not match.
    pub fn show<T: Serialize>(&self, resource: &T) -> Result<Response, Problem> {
        let tagged = Tagged::new(resource)?;
        if !self.is_as_seen(&tagged.tag) {
            return Err(changed_since());
        }
        if self.is_known(&tagged.tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tagged.tag)]).into_response());
        }
        Ok(tagged.into_response())
    }

    /// Strong comparison: equal weak tags do not prove equal bytes.
    fn is_as_seen(&self, tag: &HeaderValue) -> bool {
        self.some.as_ref().is_none_or(|some| some.have(tag, |weak| !weak))
    }

    /// Weak comparison.
    fn is_known(&self, tag: &HeaderValue) -> bool {
        self.none.as_ref().is_some_and(|none| none.have(tag, |_| true))
    }
}

/// 412: the resource has changed since the client read it.
pub fn changed_since() -> Problem {
    let title = "Precondition failed";
    Problem::new(StatusCode::PRECONDITION_FAILED, "precondition-failed", title)
        .detail("it does not meet If-Match or If-None-Match: read it again, and decide by what it is now")
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The tags in such a header.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: any tag.
    Any,
    /// Each tag with its quotes, and whether it is weak.
    These(Vec<(bool, Vec<u8>)>),
}

impl Tags {
    /// All lines of the header as one list. An invalid list has no tags: it allows no change, and the resource counts
    /// as unknown to the client.
    fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        let list = lines.join(&b","[..]);
        match list.trim_ascii() {
            _ if lines.is_empty() => None,
            b"*" => Some(Self::Any),
            list => Some(Self::These(read_tags(list).unwrap_or_default())),
        }
    }

    fn have(&self, tag: &HeaderValue, counts: impl Fn(bool) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|(weak, known)| counts(*weak) && known == tag.as_bytes()),
        }
    }
}

/// `"one", W/"two"`: RFC 9110, sections 5.6.1 and 8.8.3. A comma may be part of a tag.
fn read_tags(mut list: &[u8]) -> Option<Vec<(bool, Vec<u8>)>> {
    let mut tags = Vec::new();
    loop {
        // List elements may be empty.
        while let Some((b',' | b' ' | b'\t', rest)) = list.split_first() {
            list = rest;
        }
        if list.is_empty() {
            return Some(tags);
        }
        let (weak, quoted) = list.strip_prefix(b"W/").map_or((false, list), |quoted| (true, quoted));
        let inside = quoted.strip_prefix(b"\"")?;
        let end = inside.iter().position(|byte| *byte == b'"')?;
        if inside[..end].iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return None;
        }
        tags.push((weak, quoted[..end + 2].to_vec()));
        list = inside[end + 1..].trim_ascii_start();
        if !list.is_empty() && !list.starts_with(b",") {
            return None;
        }
    }
}

impl IntoParams for Conditions {
    fn into_params(_location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name: &HeaderName, about| {
            let tags = ObjectBuilder::new().schema_type(Type::String);
            let parameter = Parameter::builder().name(name.as_str()).parameter_in(ParameterIn::Header);
            parameter.required(Required::False).schema(Some(tags)).description(Some(about)).build()
        };
        vec![
            parameter(&IF_MATCH, "Entity tags, or `*`: if the resource has none of them, the answer is 412."),
            parameter(&IF_NONE_MATCH, "Entity tags, or `*`: what has one of them is neither sent nor changed."),
        ]
    }
}

/// The name as API documents write it.
pub(crate) const ETAG_NAME: &str = "ETag";

/// Whether [`Conditions`] has a parameter of this name.
pub(crate) fn is_condition(name: &str) -> bool {
    name == IF_MATCH.as_str()
}

/// The `ETag` header of a response, for API documents. A gateway that compresses the response makes the tag weak.
pub(crate) fn etag_header() -> HeaderBuilder {
    let tag = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^(W/)?\"[0-9a-f]+\"$"));
    HeaderBuilder::new()
        .schema(Some(tag))
        .description(Some("What the resource is now: for If-Match and If-None-Match."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(lines: &[(HeaderName, &str)]) -> Conditions {
        Conditions::of(&lines.iter().map(|(name, line)| (name.clone(), line.parse().unwrap())).collect())
    }

    /// The status of a read under these conditions. `TAG` stands for the tag of the resource.
    fn read(lines: &[(HeaderName, &str)]) -> u16 {
        let tag = Tagged::new(&"resource").unwrap().tag;
        let tag = tag.to_str().unwrap();
        let lines: Vec<_> = lines.iter().map(|(name, line)| (name.clone(), line.replace("TAG", tag))).collect();
        let lines: Vec<_> = lines.iter().map(|(name, line)| (name.clone(), line.as_str())).collect();
        let conditions = conditions(&lines);
        let status = conditions.show(&"resource").map_or_else(|problem| problem.status(), |answer| answer.status());
        assert_eq!(conditions.allow(&"resource"), status == StatusCode::OK, "{lines:?}");
        status.as_u16()
    }

    #[test]
    fn a_read_is_answered_by_what_the_client_knows() {
        for (line, status) in [
            ("TAG", 304),
            ("W/TAG", 304),
            ("*", 304),
            (" * ", 304),
            ("\"other\", TAG", 304),
            ("\"a,b\",W/TAG,", 304),
            (",, \t\"other\"\t, TAG", 304),
            ("\"other\"", 200),
            ("", 200),
            ("other", 200),
            ("\"other", 200),
            ("w/TAG", 200),
            ("TAG \"other\"", 200),
            ("*, TAG", 200),
            ("\"a b\", TAG", 200),
        ] {
            assert_eq!(read(&[(IF_NONE_MATCH, line)]), status, "{line}");
        }
        assert_eq!(read(&[(IF_NONE_MATCH, "\"other\""), (IF_NONE_MATCH, "TAG")]), 304, "two lines are one list");
        assert_eq!(read(&[]), 200);
    }

    #[test]
    fn only_a_resource_that_matches_if_match_is_changed() {
        for (line, status) in [
            ("TAG", 200),
            ("*", 200),
            ("\"other\", TAG", 200),
            ("W/TAG", 412),
            ("\"stale\"", 412),
            ("", 412),
            ("stale", 412),
            ("TAG, stale", 412),
        ] {
            assert_eq!(read(&[(IF_MATCH, line)]), status, "{line}");
        }
        assert_eq!(read(&[(IF_MATCH, "\"stale\""), (IF_NONE_MATCH, "TAG")]), 412, "If-Match comes first");
    }

    #[test]
    fn a_tag_is_that_of_the_bytes_that_are_sent() {
        let tags = ["a", "b", "a"].map(|text| Tagged::new(&text).unwrap().tag);
        assert_eq!(tags[0], tags[2]);
        assert_ne!(tags[0], tags[1]);
        assert!(tags.iter().all(|tag| tag.len() == 2 * TAG_BYTES + 2));
        let answer = conditions(&[(IF_NONE_MATCH, "*")]).show(&"a").unwrap();
        assert_eq!(answer.headers().get(ETAG), Some(&tags[0]), "a 304 names the tag that matched");
        assert!(!answer.headers().contains_key(CONTENT_TYPE));
    }
}
