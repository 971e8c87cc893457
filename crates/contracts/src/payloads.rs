//! Whether events are decoded as their published schemas allow: nothing else, and nothing less.
#![expect(clippy::unwrap_used, clippy::panic, reason = "only tests use this crate, and what fails here fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use events::EventSet;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// A value in JSON, and its kind.
#[derive(Debug, Clone)]
struct Sample {
    json: String,
    is: Is,
}

#[derive(Debug, Clone, PartialEq)]
enum Is {
    Integer(i64),
    /// A number that is no integer, or none that an integer type can hold.
    OtherNumber,
    Text(String),
    Null,
    Boolean,
    Array,
    Object,
    /// The field is not there.
    Absent,
}

fn samples() -> Vec<Sample> {
    let integers = [
        ("1", 1),
        ("7.0", 7),
        ("1e3", 1_000),
        ("70e-1", 7),
        ("0", 0),
        ("-0.0", 0),
        ("-5", -5),
        ("9007199254740991", 9_007_199_254_740_991),
        ("9007199254740991.0", 9_007_199_254_740_991),
        ("9007199254740992", 9_007_199_254_740_992),
        ("-9223372036854775808", i64::MIN),
    ];
    let integers = integers.map(|(json, number)| (json.to_owned(), Is::Integer(number)));
    let others = ["0.99999999999999999", "4503599627370497.5", "1.5", "1e400", "99999999999999999999"];
    let others = others.map(|json| (json.to_owned(), Is::OtherNumber));
    let texts = ["", "7", "text", "a\0b", "\u{1b}[2J", "2021-01-21", "2021-02-30", "21/01/21", "0000-01-01"];
    let long = [255, 256, 1000, 1001].map(|length| "é".repeat(length));
    let texts = texts.into_iter().map(str::to_owned).chain(long);
    let texts = texts.map(|text| (Value::from(text.as_str()).to_string(), Is::Text(text)));
    let rest = [("null", Is::Null), ("true", Is::Boolean), ("[7]", Is::Array), ("{}", Is::Object), ("", Is::Absent)];
    let rest = rest.map(|(json, is)| (json.to_owned(), is));
    let all = integers.into_iter().chain(others).chain(texts).chain(rest);
    all.map(|(json, is)| Sample { json, is }).collect()
}

/// The fields of an event by its published file, each with its schema and whether it must be there.
type Fields = BTreeMap<String, (Value, bool)>;

fn published(events: &Path, context: &str, kind: &str) -> Fields {
    let file = events.join(context).join(format!("{kind}.json"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let required: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().unwrap().iter();
    properties.map(|(name, field)| (name.clone(), (field.clone(), required.contains(&name.as_str())))).collect()
}

/// Whether the schema of a field allows the value. An unknown keyword fails.
fn allows((schema, required): &(Value, bool), is: &Is) -> bool {
    if *is == Is::Absent {
        return !required;
    }
    let text = |judge: &dyn Fn(&str) -> bool| if let Is::Text(text) = is { judge(text) } else { true };
    let number = |judge: &dyn Fn(i64) -> bool| if let Is::Integer(number) = is { judge(*number) } else { true };
    schema.as_object().unwrap().iter().all(|(keyword, value)| match (keyword.as_str(), value) {
        ("description" | "default", _) => true,
        ("type", Value::String(kind)) => is_of(is, kind),
        ("type", Value::Array(kinds)) => kinds.iter().any(|kind| is_of(is, kind.as_str().unwrap())),
        ("minimum", least) => number(&|number| number >= least.as_i64().unwrap()),
        ("maximum", most) => number(&|number| number <= most.as_i64().unwrap()),
        ("minLength", least) => text(&|text| text.chars().count() as u64 >= least.as_u64().unwrap()),
        ("maxLength", most) => text(&|text| text.chars().count() as u64 <= most.as_u64().unwrap()),
        ("pattern", pattern) if pattern == "^[^\\u0000]*$" => text(&|text| !text.contains('\0')),
        ("format", format) if format == "date" => text(&|text| ["2021-01-21", "0000-01-01"].contains(&text)),
        ("format", format) if format == "int64" => true,
        other => panic!("{other:?} is not supported"),
    })
}

fn is_of(is: &Is, kind: &str) -> bool {
    match kind {
        "integer" => matches!(is, Is::Integer(_)),
        "string" => matches!(is, Is::Text(_)),
        "null" => *is == Is::Null,
        other => panic!("the type {other} is not supported"),
    }
}

fn data<'a>(fields: impl IntoIterator<Item = (&'a String, &'a Sample)>) -> String {
    let there = fields.into_iter().filter(|(_, sample)| sample.is != Is::Absent);
    let members: Vec<String> = there.map(|(name, sample)| format!("\"{name}\": {}", sample.json)).collect();
    format!("{{ {} }}", members.join(", "))
}

/// Asserts that data is decoded as an event of this set exactly if its published schema allows it. `events` is the folder
/// with the schemas.
///
/// # Panics
///
/// If it is not, or if a schema has a keyword that this function does not support.
pub fn assert_decoded_as_published<E: EventSet>(events: &Path) {
    for kind in E::KINDS {
        let fields = published(events, E::CONTEXT, kind);
        let good = |field: &(Value, bool)| samples().into_iter().find(|sample| allows(field, &sample.is)).unwrap();
        let base: BTreeMap<String, Sample> = fields.iter().map(|(name, field)| (name.clone(), good(field))).collect();
        let agree = |drawn: &BTreeMap<String, Sample>| {
            let allowed = fields.iter().all(|(name, field)| allows(field, &drawn[name].is));
            let (data, read) = (data(drawn), events::decode::<E>(kind, &data(drawn)));
            assert_eq!(read.is_ok(), allowed, "{kind} {data}: {:?}", read.err());
        };
        for name in fields.keys() {
            for sample in samples() {
                agree(&base.clone().into_iter().chain([(name.clone(), sample)]).collect());
            }
        }
        let drawn = proptest::collection::vec(select(samples()), fields.len());
        proptest!(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }, |(drawn in drawn)| {
            agree(&fields.keys().cloned().zip(drawn).collect());
        });
    }
}
