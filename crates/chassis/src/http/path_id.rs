//! Extractor of the id in a path.

use std::fmt::Display;

use ambient::Uuid;
use axum::extract::{FromRequestParts, RawPathParams};
use hyper::http::request::Parts;
use serde_json::Value;
use tracing::field::display;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};

use crate::http::number::{self, MAX_EXACT};
use crate::http::problem::Problem;
use crate::openapi::schema;
use crate::telemetry::trace::correlate;

/// The maximum length of a text id in characters.
const MAX_TEXT: usize = 64;

/// The id in a path such as `/things/{id}`. An invalid one: 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<K = i64>(pub K);

/// A type of ids in paths.
pub trait PathId: Display + Sized + Send {
    /// The rule, for the 404 of an invalid id.
    fn rule() -> String;

    /// The id, if the text is one.
    fn parse(text: &str) -> Option<Self>;

    /// The schema, and an example.
    fn schema() -> (ObjectBuilder, Value);

    /// Adds the id to the log lines of this request.
    fn correlate(&self) {
        correlate(display(self));
    }
}

/// From 1 to 2^53 − 1.
impl PathId for i64 {
    fn rule() -> String {
        format!("an id is a whole number from 1 to {MAX_EXACT}")
    }

    fn parse(text: &str) -> Option<Self> {
        number::parse_digits(text).filter(|id| (1..=MAX_EXACT).contains(id))
    }

    fn schema() -> (ObjectBuilder, Value) {
        (schema::number(&(1..=MAX_EXACT)), 5000.into())
    }

    /// As a number: JSON logs distinguish it from a text.
    fn correlate(&self) {
        correlate(*self);
    }
}

/// From 1 to 64 characters, none of them a control character.
impl PathId for String {
    fn rule() -> String {
        format!("an id has 1 to {MAX_TEXT} characters, none of them a control character")
    }

    fn parse(text: &str) -> Option<Self> {
        let is_valid = (1..=MAX_TEXT).contains(&text.chars().count()) && !text.contains(char::is_control);
        is_valid.then(|| text.to_owned())
    }

    fn schema() -> (ObjectBuilder, Value) {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(MAX_TEXT));
        (text, "A-5000".into())
    }
}

/// In the form with hyphens.
impl PathId for Uuid {
    fn rule() -> String {
        "an id is a UUID".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        // Other forms would be further names of one resource.
        text.parse().ok().filter(|id: &Self| id.to_string() == text)
    }

    fn schema() -> (ObjectBuilder, Value) {
        let uuid = SchemaFormat::Custom("uuid".to_owned());
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(uuid));
        (text, "0196a1b2-0000-7000-8000-000000005000".into())
    }
}

impl<S: Send + Sync, K: PathId> FromRequestParts<S> for Id<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| invalid_id::<K>())?;
        let id = params.iter().find_map(|(name, value)| (name == "id").then_some(value));
        let id = id.ok_or_else(|| {
            tracing::error!(path = %parts.uri.path(), "a handler extracts an id, but its route has no {{id}}");
            Problem::internal()
        })?;
        let id = K::parse(id).ok_or_else(invalid_id::<K>)?;
        id.correlate();
        Ok(Self(id))
    }
}

impl<K: PathId> IntoParams for Id<K> {
    fn into_params(_location: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let (schema, example) = K::schema();
        let id = Parameter::builder().name("id").parameter_in(ParameterIn::Path).required(Required::True);
        let id = id.schema(Some(schema)).example(Some(example));
        vec![id.description(Some("The id. Any other text is answered with 404.")).build()]
    }
}

pub(crate) fn invalid_id<K: PathId>() -> Problem {
    Problem::not_found(K::rule())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_a_text_or_a_uuid_by_the_type_of_its_resource() {
        assert_eq!((i64::parse("7"), i64::parse("0"), i64::parse("x")), (Some(7), None, None));
        assert_eq!(String::parse("é 7"), Some("é 7".to_owned()));
        for invalid in ["", "a\nb", &"x".repeat(65)] {
            assert_eq!(String::parse(invalid), None, "{invalid:?}");
        }
        let id = "0196a1b2-0000-7000-8000-000000005000";
        assert_eq!(Uuid::parse(id).map(|id| id.to_string()).as_deref(), Some(id));
        assert_eq!(Uuid::parse("0196a1b2000070008000000000005000"), None, "another form of the same id");
    }
}
