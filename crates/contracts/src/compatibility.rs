//! Whether consumers are compatible with a changed schema of an event.
//!
//! Producers and consumers are deployed one by one, and topics keep their events for ever: during a rollout current
//! consumers read events of the next version, and a rebuilt view reads old ones. So a change must be compatible in both
//! directions. Only new events, and new optional fields, are.

use std::collections::BTreeSet;

use schemars::Schema;
use serde_json::{Map, Value};

/// Keywords without effect on consumers.
const ANNOTATIONS: &[&str] =
    &["$comment", "$schema", "default", "deprecated", "description", "example", "examples", "title"];

/// An incompatible change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The field; `None` for the event as a whole.
    pub field: Option<String>,
    /// The reason.
    pub why: String,
    /// Whether past events become unreadable: this breaks every consumer of the event that uses the new type.
    pub past: bool,
}

/// The changes that break consumers when the schema `before` becomes `now`.
pub fn breaking(before: &Schema, now: &Schema) -> Vec<Break> {
    let (before, now) = (Fields::of(before), Fields::of(now));
    let mut found = Vec::new();
    if before.rest != now.rest {
        let why = format!("it was {}, now it is {}", before.rest, now.rest);
        found.push(Break { field: None, why, past: true });
    }
    let names: BTreeSet<&String> = before.properties.keys().chain(now.properties.keys()).collect();
    found.extend(names.into_iter().filter_map(|name| {
        let why = reason(name, &before, &now)?;
        let past = now.required.contains(name) && !before.required.contains(name);
        Some(Break { field: Some(name.clone()), why, past })
    }));
    found
}

fn reason(name: &str, before: &Fields, now: &Fields) -> Option<String> {
    let needed = now.required.contains(name);
    match (before.properties.get(name), now.properties.get(name)) {
        (Some(old), None) => Some(format!("it is gone{}", now.renamed_to(old, before))),
        (None, Some(_)) if needed => Some(
            "it is new and required, but events that are in the topics already do not have it: let it be absent".into(),
        ),
        (Some(old), Some(new)) if assertions(old) != assertions(new) => {
            Some(format!("it was {}, now it is {}", assertions(old), assertions(new)))
        }
        (Some(_), Some(_)) if before.required.contains(name) && !needed => {
            Some("it was required, now it may be absent".into())
        }
        (Some(_), Some(_)) if !before.required.contains(name) && needed => {
            Some("it could be absent, and is in events that are in the topics already: now it is required".into())
        }
        _ => None,
    }
}

/// The parts of an object's schema.
struct Fields {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    rest: Value,
}

impl Fields {
    fn of(schema: &Schema) -> Self {
        let mut rest = schema.as_object().cloned().unwrap_or_default();
        let properties = rest.remove("properties").and_then(|value| value.as_object().cloned()).unwrap_or_default();
        let required = rest.remove("required").and_then(|value| value.as_array().cloned()).unwrap_or_default();
        let required = required.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        Self { properties, required, rest: assertions(&rest.into()) }
    }

    /// The new name of a removed field: a new field with the same schema.
    fn renamed_to(&self, old: &Value, before: &Self) -> String {
        let mut new = self.properties.iter().filter(|(name, _)| !before.properties.contains_key(*name));
        let same = new.find(|(_, value)| assertions(value) == assertions(old));
        same.map(|(name, _)| format!(" (`{name}` is new: another name is another field)")).unwrap_or_default()
    }
}

/// The parts of a schema that affect consumers, recursively.
pub(crate) fn assertions(schema: &Value) -> Value {
    match schema {
        Value::Object(keywords) => {
            let kept = keywords.iter().filter(|(keyword, _)| !ANNOTATIONS.contains(&keyword.as_str()));
            Value::Object(kept.map(|(keyword, value)| (keyword.clone(), keyword_assertions(keyword, value))).collect())
        }
        Value::Array(parts) => Value::Array(parts.iter().map(assertions).collect()),
        other => other.clone(),
    }
}

/// The names below `properties` are fields: one may be called `title`. The order of `required` has no meaning.
fn keyword_assertions(keyword: &str, value: &Value) -> Value {
    match (keyword, value) {
        ("properties" | "$defs", Value::Object(fields)) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), assertions(field))).collect())
        }
        ("required", Value::Array(names)) => {
            let names: BTreeSet<String> = names.iter().map(Value::to_string).collect();
            names.into_iter().collect()
        }
        ("enum" | "const", value) => value.clone(),
        (_, value) => assertions(value),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema(value: Value) -> Schema {
        Schema::try_from(value).unwrap()
    }

    fn found(before: &Value, now: &Value) -> Vec<String> {
        let object = |properties: &Value| {
            let required: Vec<&str> = properties["!"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let mut properties = properties.clone();
            let required = json!(required);
            properties.as_object_mut().unwrap().remove("!");
            schema(json!({ "type": "object", "properties": properties, "required": required }))
        };
        let name = |field: Option<String>| field.unwrap_or_else(|| "event".to_owned());
        breaking(&object(before), &object(now))
            .into_iter()
            .map(|found| format!("{}: {}", name(found.field), found.why))
            .collect()
    }

    #[test]
    fn each_change_has_its_own_message() {
        let (number, text) = (json!({ "type": "integer", "format": "int64" }), json!({ "type": "string" }));
        let before = json!({ "price": number, "note": text, "!": ["price"] });
        let cases = [
            (json!({ "note": text, "!": [] }), "price: it is gone"),
            (
                json!({ "cost": number, "note": text, "!": [] }),
                "price: it is gone (`cost` is new: another name is another field)",
            ),
            (
                json!({ "price": text, "note": text, "!": ["price"] }),
                r#"price: it was {"format":"int64","type":"integer"}, now it is {"type":"string"}"#,
            ),
            (json!({ "price": number, "note": text, "!": [] }), "price: it was required, now it may be absent"),
            (
                json!({ "price": number, "note": text, "!": ["price", "note"] }),
                "note: it could be absent, and is in events that are in the topics already: now it is required",
            ),
            (
                json!({ "price": number, "note": text, "tip": number, "!": ["price", "tip"] }),
                "tip: it is new and required, but events that are in the topics already do not have it: let it be absent",
            ),
        ];
        for (now, expected) in cases {
            assert_eq!(found(&before, &now), [expected]);
        }
    }

    #[test]
    fn annotations_and_new_optional_fields_are_compatible() {
        let before = json!({ "price": { "type": "integer" }, "!": ["price"] });
        let now = json!({ "price": { "type": "integer", "description": "in cents" }, "tip": { "type": "integer" }, "!": ["price"] });
        assert_eq!(found(&before, &now), [""; 0]);
    }

    #[test]
    fn the_innermost_parts_count_and_a_field_may_be_called_title() {
        let with = |inner: &str, kind: &str| {
            let inner = json!({ "type": "object", "properties": { inner: { "type": kind, "title": "for people" } } });
            json!({ "wind": { "anyOf": [inner, { "type": "null" }] }, "!": [] })
        };
        assert_eq!(found(&with("from", "string"), &with("from", "string")), [""; 0]);
        assert_eq!(found(&with("from", "string"), &with("from", "integer")).len(), 1);
        assert_eq!(found(&with("title", "string"), &with("from", "string")).len(), 1);
    }

    #[test]
    fn an_event_that_refuses_unknown_fields_from_now_on_is_another_event() {
        let open = schema(json!({ "type": "object", "properties": {} }));
        let closed = schema(json!({ "type": "object", "properties": {}, "additionalProperties": false }));
        assert_eq!(breaking(&open, &closed)[0].field, None);
    }

    /// A field that is an integer (true) or a text, and is required (true) or not.
    type Shape = BTreeMap<String, (bool, bool)>;

    fn shape() -> impl Strategy<Value = Shape> {
        proptest::collection::btree_map("[a-d]", any::<(bool, bool)>(), 0..4)
    }

    fn of(shape: &Shape) -> Schema {
        let properties: Map<String, Value> = shape
            .iter()
            .map(|(name, (number, _))| (name.clone(), json!({ "type": if *number { "integer" } else { "string" } })))
            .collect();
        let required: Vec<&String> =
            shape.iter().filter(|(_, (_, required))| *required).map(|(name, _)| name).collect();
        schema(json!({ "type": "object", "properties": properties, "required": required }))
    }

    /// All data that a writer of this shape may write: each field that may be absent is, or is not.
    fn written(shape: &Shape) -> Vec<BTreeMap<&str, bool>> {
        let mut all = vec![BTreeMap::new()];
        for (name, (number, required)) in shape {
            let with =
                all.iter().map(|data| data.iter().map(|(n, v)| (*n, *v)).chain([(name.as_str(), *number)]).collect());
            let with: Vec<BTreeMap<&str, bool>> = with.collect();
            all = if *required { with } else { all.into_iter().chain(with).collect() };
        }
        all
    }

    /// Whether a reader of this shape can read it, and finds each field where it looks for one.
    fn reads(shape: &Shape, data: &BTreeMap<&str, bool>) -> bool {
        shape
            .iter()
            .all(|(name, (number, required))| data.get(name.as_str()).map_or(!required, |found| found == number))
    }

    proptest! {
        #[test]
        fn a_compatible_change_is_readable_in_both_directions(before in shape(), now in shape()) {
            let harmless = breaking(&of(&before), &of(&now)).is_empty();
            let kept = before.keys().all(|name| now.contains_key(name));
            let forth = written(&now).iter().all(|data| reads(&before, data));
            let back = written(&before).iter().all(|data| reads(&now, data));
            prop_assert_eq!(harmless, kept && forth && back, "{:?} to {:?}", before, now);
        }
    }
}
