//! Schemas of the values that extractors accept.

use std::ops::RangeInclusive;

use utoipa::Number;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};

/// An integer.
pub fn number(range: &RangeInclusive<i64>) -> ObjectBuilder {
    let bound = |bound: i64| isize::try_from(bound).ok().map(Number::Int);
    let (least, most) = (bound(*range.start()), bound(*range.end()));
    ObjectBuilder::new().schema_type(Type::Integer).minimum(least).maximum(most)
}

/// A positive integer, as [`Fields::whole_number`](crate::body::Fields::whole_number) accepts it: a number or a string
/// of digits.
pub fn number_or_digits(about: &str, most: i64) -> OneOfBuilder {
    // Leading zeros and the few largest numbers are accepted too: a pattern for them would be unreadable.
    let fewer = most.checked_ilog10().unwrap_or_default();
    let digits =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^[1-9][0-9]{{0,{}}}$", fewer - 1)));
    OneOfBuilder::new().description(Some(about)).item(number(&(1..=most))).item(digits)
}

/// The schema, or null, which counts as absent.
pub fn or_null(schema: OneOfBuilder) -> OneOfBuilder {
    schema.item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null)))
}

/// One of these strings.
pub fn one_of(texts: &[&str]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(texts.iter().copied()))
}

/// A string with this pattern, as [`Fields::text`](crate::body::Fields::text) accepts it.
pub fn text_like(pattern: &str, max_chars: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(max_chars)).pattern(Some(pattern))
}

/// A list of strings, as [`Fields::texts`](crate::body::Fields::texts) accepts it.
pub fn texts(about: &str, max_items: usize, max_chars: usize) -> OneOfBuilder {
    let item = text_like(r"^[^\x00]+$", max_chars).min_length(Some(1));
    let list = ArrayBuilder::new().items(item).max_items(Some(max_items)).unique_items(true);
    OneOfBuilder::new().description(Some(about)).item(list)
}

/// An object. Its properties are required: see [`required`].
pub fn object(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().description(Some(about))
}

/// A positive integer.
pub fn positive(about: &str) -> ObjectBuilder {
    let int64 = SchemaFormat::KnownFormat(KnownFormat::Int64);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(int64)).minimum(Some(1_isize)).description(Some(about))
}

/// A text.
pub fn text(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about))
}

/// A time: RFC 3339.
pub fn date_time(about: &str) -> ObjectBuilder {
    text(about).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

/// A day such as `2021-01-21`.
pub fn date(about: &str) -> ObjectBuilder {
    text(about).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
}

/// An object with a time for each of these names, none of which is required.
pub fn date_times(about: &str, names: &[&str]) -> ObjectBuilder {
    let date_time = || SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let time = || ObjectBuilder::new().schema_type(Type::String).format(Some(date_time()));
    names.iter().fold(object(about), |object, name| object.property(*name, time()))
}

/// The schema, or null.
pub fn nullable(schema: ObjectBuilder) -> RefOr<Schema> {
    let mut schema = schema.build();
    match schema.schema_type {
        // The enumeration alone would exclude null.
        SchemaType::Type(_) if schema.enum_values.is_some() => or_null(OneOfBuilder::new().item(schema)).into(),
        SchemaType::Type(kind) => {
            schema.schema_type = SchemaType::from_iter([kind, Type::Null]);
            schema.into()
        }
        _ => schema.into(),
    }
}

/// The schema, with all its properties required, unless it names those that are.
pub fn required(schema: ObjectBuilder) -> Object {
    let mut schema = schema.build();
    if schema.required.is_empty() {
        schema.required = schema.properties.keys().cloned().collect();
    }
    schema
}
