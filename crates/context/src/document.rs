use std::borrow::Cow;
use std::fmt::Display;
use std::marker::PhantomData;

use chassis::openapi::{object, required};
use chassis::page::{Link, Listed};
use chassis::problem::Problem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use store::Row;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::representation::Representation;

/// The document of a row, with its links.
pub(crate) struct Document<B> {
    value: Value,
    representation: PhantomData<fn() -> B>,
}

impl<B: Representation> Document<B> {
    pub(crate) fn of(state: &<B::Row as Row>::State) -> Option<Self> {
        let mut value = B::of(state)?;
        let conditional = B::CONDITIONAL_LINKS.iter().filter(|(.., has_link)| has_link(state));
        let links = B::LINKS.iter().copied().chain(conditional.map(|(name, path, _)| (*name, *path)));
        let links = links.map(|(name, path)| (name.to_owned(), json!(Link::to(filled(path, &value)))));
        value["_links"] = links.collect::<Map<_, _>>().into();
        Some(Self { value, representation: PhantomData })
    }

    /// The path of the document.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", B::PATH, path_segment(&self.value["id"]))
    }

    pub(crate) fn into_value(self) -> Value {
        self.value
    }
}

/// A path with properties of a document, such as `/pages/{id}`.
fn filled(path: &str, document: &Value) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |filled, part| match part.split_once('}') {
        Some((name, rest)) => filled + &path_segment(&document[name]) + rest,
        None => filled + part,
    })
}

/// The properties that fill a path.
pub(crate) fn properties_in(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name)
}

/// An id in a path. A text is percent-encoded (RFC 3986, section 2.1).
fn path_segment(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string())
}

impl<B> Serialize for Document<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<B: Representation> Listed for Document<B> {
    const PATH: &'static str = B::PATH;
    const REL: &'static str = B::REL;
    const TOTALS: &'static [&'static str] = match B::TOTALS {
        Some(totals) => totals.values,
        None => &[],
    };
}

impl<B: Representation> PartialSchema for Document<B> {
    fn schema() -> RefOr<Schema> {
        let links = object("Links, relative to the requested URL.");
        let links = B::LINKS.iter().fold(links, |links, (name, _)| links.property(*name, Link::schema()));
        let mut links = required(links);
        let conditional = B::CONDITIONAL_LINKS.iter().map(|(name, ..)| ((*name).to_owned(), Link::schema()));
        links.properties.extend(conditional);
        required(B::schema().property("_links", links)).into()
    }
}

impl<B: Representation> ToSchema for Document<B> {
    fn name() -> Cow<'static, str> {
        B::NAME.into()
    }
}

/// The answer for a row that does not exist, or that the caller does not see.
pub(crate) fn not_found<B: Representation>(id: impl Display) -> Problem {
    Problem::not_found(format!("there is no {} {id}", B::TITLE))
}
