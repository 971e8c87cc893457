//! Keyset pagination. A cursor holds the sort key of the last item, so every page costs the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::{FromRequestParts, Query};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::http::number;
use crate::http::problem::Problem;
use crate::http::query::Value;
use crate::openapi::schema::number as number_schema;

/// The default page size.
pub const DEFAULT_SIZE: i64 = 20;
/// The maximum page size.
pub const MAX_SIZE: i64 = 100;

const CURSOR_VERSION: u8 = 1;
const CHECKSUM_LEN: usize = 4;

/// The requested page, from `?cursor=…&size=…`. The sort key has `N` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest<const N: usize> {
    /// The maximum number of items, from 1 to 100.
    pub size: i64,
    /// The sort key of the last item before this page; `None` for the first page.
    pub after: Option<[i64; N]>,
}

#[derive(Deserialize)]
struct RawPageRequest {
    cursor: Option<String>,
    size: Option<String>,
}

impl PageRequest<1> {
    /// The number that precedes this page; 0 for the first page.
    pub fn after_number(&self) -> i64 {
        self.after.map_or(0, |[after]| after)
    }
}

impl<const N: usize> PageRequest<N> {
    fn read(raw: &RawPageRequest) -> Result<Self, Problem> {
        let size = raw.size.as_deref().map_or(Ok(DEFAULT_SIZE), read_size)?;
        let after = raw.cursor.as_deref().map(read_cursor).transpose()?;
        Ok(Self { size, after })
    }

    /// A relative link to the page of this size after `after`, with these filters.
    fn link(&self, path: &str, filters: &[(&str, Value)], after: Option<[i64; N]>) -> String {
        let mut link = path.to_owned();
        let mut separator = '?';
        // Writing to a String cannot fail.
        for (name, value) in filters {
            let _ = write!(link, "{separator}{name}={value}");
            separator = '&';
        }
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
    let size = number::parse_parameter(text).filter(|size| (1..=MAX_SIZE).contains(size));
    size.ok_or_else(invalid_size)
}

pub(crate) fn invalid_size() -> Problem {
    Problem::bad_request(format!("size must be a whole number from 1 to {MAX_SIZE}"))
}

fn read_cursor<const N: usize>(text: &str) -> Result<[i64; N], Problem> {
    decode_cursor(text).ok_or_else(invalid_cursor)
}

pub(crate) fn invalid_cursor() -> Problem {
    Problem::bad_request("cursor must be one from a next link of this list, letter for letter")
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

/// FNV-1a, 32 bits. Detects typing errors, not forgery: a forged cursor does no harm.
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

impl<const N: usize> IntoParams for PageRequest<N> {
    fn into_params(_location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = |name, schema: ObjectBuilder, about| {
            let parameter = Parameter::builder().name(name).parameter_in(ParameterIn::Query).required(Required::False);
            parameter.schema(Some(schema)).description(Some(about))
        };
        // Cursors of lists with another number of sort keys are invalid here.
        let format = SchemaFormat::Custom(format!("cursor-{N}"));
        let cursor = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        let cursor = parameter("cursor", cursor, "The cursor from the `next` link of the previous page.");
        let size = number_schema(&(1..=MAX_SIZE)).default(Some(DEFAULT_SIZE.into()));
        let size = parameter("size", size, "At most so many items.");
        vec![cursor.example(Some(write_cursor([5000; N]).into())).build(), size.build()]
    }
}

/// A link in HAL.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Link {
    /// Where it leads: relative to the requested URL.
    href: String,
}

impl Link {
    /// A link to this path.
    pub fn to(href: impl Into<String>) -> Self {
        Self { href: href.into() }
    }
}

/// The items of a list.
pub trait Listed: Serialize {
    /// The path of the list.
    const PATH: &'static str;
    /// The name of the items in `_embedded`.
    const REL: &'static str;
    /// The names of the totals, if a page may have totals.
    const TOTALS: &'static [&'static str] = &[];
}

/// One page of a list in HAL.
#[derive(Debug, Serialize)]
pub struct Page<T: Listed> {
    #[serde(rename = "_embedded", serialize_with = "embedded")]
    items: Vec<T>,
    #[serde(rename = "_links")]
    links: PageLinks,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<BTreeMap<&'static str, i64>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PageLinks {
    /// This page.
    #[serde(rename = "self")]
    this: Link,
    /// The page after it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<Link>,
}

impl<T: Listed> Page<T> {
    /// The requested page. `next` is the sort key of its last item, if more items follow.
    pub fn new<const N: usize>(items: Vec<T>, request: &PageRequest<N>, next: Option<[i64; N]>) -> Self {
        Self::filtered(items, request, &[], next)
    }

    /// The requested page of a list that is filtered by these parameters. The links of the page keep them.
    pub fn filtered<const N: usize>(
        items: Vec<T>,
        request: &PageRequest<N>,
        filters: &[(&str, Value)],
        next: Option<[i64; N]>,
    ) -> Self {
        let link = |after| Link::to(request.link(T::PATH, filters, after));
        let links = PageLinks { this: link(request.after), next: next.map(|next| link(Some(next))) };
        Self { items, links, totals: None }
    }

    /// The same page, with the totals of the whole list: [`Listed::TOTALS`] have these values, or 0.
    #[must_use]
    pub fn with_totals(self, totals: &BTreeMap<String, i64>) -> Self {
        let total = |name: &&'static str| (*name, totals.get(*name).copied().unwrap_or_default());
        Self { totals: Some(T::TOTALS.iter().map(total).collect()), ..self }
    }
}

fn embedded<T: Listed, S: Serializer>(items: &[T], into: S) -> Result<S::Ok, S::Error> {
    into.collect_map([(T::REL, items)])
}

impl<T: Listed + ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = Array::new(Ref::from_schema_name(T::name()));
        let items = ArrayBuilder::from(items).max_items(usize::try_from(MAX_SIZE).ok());
        let embedded = ObjectBuilder::new().property(T::REL, items).required(T::REL);
        let page = ObjectBuilder::new().property("_embedded", embedded).required("_embedded");
        let page = page.property("_links", PageLinks::schema()).required("_links");
        let count = || number_schema(&(0..=number::MAX_EXACT));
        let totals =
            T::TOTALS.iter().fold(ObjectBuilder::new(), |all, name| all.property(*name, count()).required(*name));
        let about = "The number of items of the whole list in each state. Left out without a filter.";
        let page = match T::TOTALS {
            [] => page,
            _ => page.property("totals", totals.description(Some(about))),
        };
        page.description(Some("One page of a list.")).into()
    }
}

impl<T: Listed + ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}List", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
        PageLinks::schemas(schemas);
    }
}
