//! Entity tags of responses that the gateway compresses (RFC 9110, section 8.8.3.3).
//!
//! A strong tag stands for the bytes that the service sent. Compression changes the bytes, so the tag becomes weak: it
//! is still valid for `If-None-Match`, and not for `If-Match`.

use axum::response::Response;
use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY};

/// Marks a response that is not compressed yet.
#[derive(Debug, Clone, Copy)]
struct Uncompressed;

/// Marks a response before it may be compressed.
pub fn mark(response: &mut Response) {
    if response.headers().contains_key(ETAG) && !response.headers().contains_key(CONTENT_ENCODING) {
        response.extensions_mut().insert(Uncompressed);
    }
}

/// The tags that the client has cached.
pub fn if_none_match(request: &HeaderMap) -> Option<HeaderValue> {
    request.get(IF_NONE_MATCH).cloned()
}

/// Makes the tag weak if the response was compressed after [`mark`], or if it is a 304 to a client that sent the weak
/// tag.
pub fn weaken(response: &mut Response, known: Option<&HeaderValue>) {
    if response.extensions_mut().remove::<Uncompressed>().is_none() {
        return;
    }
    let headers = response.headers();
    let Some(tag) = headers.get(ETAG).map(HeaderValue::as_bytes) else { return };
    let weak = [b"W/", tag].concat();
    let unchanged = response.status() == StatusCode::NOT_MODIFIED;
    let known_so = known.is_some_and(|known| known.as_bytes().windows(weak.len()).any(|part| part == weak));
    let coded = headers.contains_key(CONTENT_ENCODING);
    if unchanged {
        // A 304 has the `Vary` of the full response.
        response.headers_mut().append(VARY, HeaderValue::from(ACCEPT_ENCODING));
    }
    if (coded || (unchanged && known_so))
        && !weak.starts_with(b"W/W/")
        && let Ok(weak) = HeaderValue::from_bytes(&weak)
    {
        response.headers_mut().insert(ETAG, weak);
    }
}
