//! Lists in pages. A cursor says where a page ends, so the millionth row costs no more than the first.

use std::fmt::Write;

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// The size of a page that a client did not choose.
pub const DEFAULT_SIZE: i64 = 20;
/// The largest page that a client may choose.
pub const MAX_SIZE: i64 = 100;

const CURSOR_VERSION: u8 = 1;
const CHECKSUM_LEN: usize = 4;

/// Which page is asked for, from `?cursor=…&size=…`. `N` numbers say where the previous page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<const N: usize> {
    /// At most so many items, from 1 to 100.
    pub size: i64,
    /// The sort key of the last item before this page; none for the first page.
    pub after: Option<[i64; N]>,
}

#[derive(Deserialize)]
struct RawPageRequest {
    cursor: Option<String>,
    size: Option<String>,
}

impl<const N: usize> PageRequest<N> {
    fn read(raw: &RawPageRequest) -> Result<Self, Problem> {
        let size = raw.size.as_deref().map_or(Ok(DEFAULT_SIZE), read_size)?;
        let after = raw.cursor.as_deref().map(read_cursor).transpose()?;
        Ok(Self { size, after })
    }

    /// A relative reference to the page of this size after `after`.
    fn link(&self, path: &str, after: Option<[i64; N]>) -> String {
        let mut link = path.to_owned();
        let mut separator = '?';
        // Writing to a String cannot fail.
        if let Some(after) = after {
            let _ = write!(link, "{separator}cursor={}", write_cursor(after));
            separator = '&';
        }
        if self.size != DEFAULT_SIZE {
            let _ = write!(link, "{separator}size={}", self.size);
        }
        link
    }
}

fn read_size(text: &str) -> Result<i64, Problem> {
    let size = text.parse().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(|| Problem::bad_request(format!("size must be a whole number from 1 to {MAX_SIZE}")))
}

fn read_cursor<const N: usize>(text: &str) -> Result<[i64; N], Problem> {
    decode_cursor(text)
        .ok_or_else(|| Problem::bad_request("cursor must be one from a next link of this list, letter for letter"))
}

/// Version, numbers, checksum.
fn write_cursor<const N: usize>(after: [i64; N]) -> String {
    let mut bytes = vec![CURSOR_VERSION];
    bytes.extend(after.iter().flat_map(|number| number.to_be_bytes()));
    bytes.extend(checksum(&bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode_cursor<const N: usize>(text: &str) -> Option<[i64; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (content, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
    let (version, numbers) = content.split_first()?;
    if *version != CURSOR_VERSION || *sum != checksum(content) {
        return None;
    }
    let (numbers, rest) = numbers.as_chunks::<8>();
    let numbers: &[[u8; 8]; N] = numbers.try_into().ok()?;
    rest.is_empty().then(|| numbers.map(i64::from_be_bytes))
}

/// FNV-1a, 32 bits: so that a mistyped cursor is noticed. It keeps nobody from making one up, which does no harm.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let sum = bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    sum.to_be_bytes()
}

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for PageRequest<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Query::<RawPageRequest>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::bad_request(error.body_text()))
            .and_then(|Query(raw)| Self::read(&raw))
    }
}

/// One page of a list in HAL: the items below `rel`, a link to itself, and one to the next page if there is one.
///
/// `next` is the sort key of the last item of this page, if more follow.
pub fn page<const N: usize>(
    path: &str,
    rel: &str,
    items: Vec<Value>,
    request: &PageRequest<N>,
    next: Option<[i64; N]>,
) -> Json<Value> {
    let mut links = json!({ "self": { "href": request.link(path, request.after) } });
    if next.is_some() {
        links["next"] = json!({ "href": request.link(path, next) });
    }
    // Not through json!, which would copy the items.
    let embedded = Map::from_iter([(rel.to_owned(), Value::Array(items))]);
    let document = [("_embedded", Value::Object(embedded)), ("_links", links)];
    Json(document.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
