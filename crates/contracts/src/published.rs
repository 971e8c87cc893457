use std::collections::{BTreeMap, BTreeSet};

use events::EventSet;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::{compatibility, verdict};

/// The events that one context publishes.
#[derive(Debug, Clone)]
pub struct Published {
    /// The context: the last part of the topic's name.
    pub context: String,
    /// The JSON Schema of the data, by event type.
    pub events: BTreeMap<String, Schema>,
}

impl Published {
    /// The events of a set.
    ///
    /// # Errors
    ///
    /// If the set is not an enum with one variant per event, each listed in [`EventSet::KINDS`], or if it cannot
    /// deserialize what it serializes.
    pub fn of<E: EventSet>() -> Result<Self, String> {
        let written = SchemaSettings::draft2020_12().for_serialize();
        let written: BTreeMap<String, Schema> = variants(&generate::<E>(written))?.into_iter().collect();
        let events: BTreeMap<String, Schema> = variants(&schema::<E>())?.into_iter().collect();
        let (listed, there): (BTreeSet<&str>, BTreeSet<&str>) =
            (E::KINDS.iter().copied().collect(), events.keys().map(String::as_str).collect());
        if listed != there {
            return Err(format!("{}: KINDS has {listed:?}, but the variants are {there:?}", E::CONTEXT));
        }
        let unread = events.iter().flat_map(|(event, read)| unread(event, read, written.get(event)));
        verdict(&format!("{} cannot read what it writes:", E::CONTEXT), &unread.collect::<Vec<_>>())?;
        Ok(Self { context: E::CONTEXT.to_owned(), events })
    }
}

/// The JSON Schema (draft 2020-12) of a type, with references inlined.
pub fn schema<T: JsonSchema>() -> Schema {
    generate::<T>(SchemaSettings::draft2020_12())
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    settings.with(|settings| settings.inline_subschemas = true).into_generator().into_root_schema_for::<T>()
}

/// The fields that a type serializes in a form that it cannot deserialize, such as a required field that is skipped
/// when it is empty.
fn unread(event: &str, read: &Schema, written: Option<&Schema>) -> Vec<String> {
    let Some(written) = written else { return vec![format!("{event}: it is written under another name")] };
    // Compatibility with past events is checked elsewhere.
    let breaks = compatibility::breaking(read, written).into_iter().filter(|found| !found.past);
    breaks.map(|found| format!("{event}.{}: {}", found.field.unwrap_or_default(), found.why)).collect()
}

/// The variants of an enum, as serde writes it: names and schemas of the contents.
fn variants(set: &Schema) -> Result<Vec<(String, Schema)>, String> {
    let variants = set.get("oneOf").and_then(Value::as_array).ok_or("an event set is an enum")?;
    variants.iter().map(|variant| content(variant).ok_or_else(|| format!("not one struct: {variant}"))).collect()
}

fn content(variant: &Value) -> Option<(String, Schema)> {
    let properties = variant["properties"].as_object().filter(|properties| properties.len() == 1)?;
    let (kind, content) = properties.iter().next()?;
    let mut whole = Schema::default();
    whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    whole.insert("title".to_owned(), kind.as_str().into());
    for (keyword, value) in content.as_object()? {
        whole.insert(keyword.clone(), value.clone());
    }
    Some((kind.clone(), whole))
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Weather {
        Rained(Rained),
    }

    /// Water came down.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Rained {
        /// Where.
        place_number: i64,
        wind: Option<Wind>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Wind {
        from: String,
    }

    impl EventSet for Weather {
        const CONTEXT: &'static str = "weather";
        const KINDS: &'static [&'static str] = &["Rained"];

        type Key = i64;

        fn key(&self) -> i64 {
            let Self::Rained(rained) = self;
            rained.place_number
        }
    }

    #[test]
    fn each_event_has_a_schema_that_is_complete_in_itself() {
        let published = Published::of::<Weather>().unwrap();
        let from = json!({ "type": "string" });
        let wind = json!({ "type": ["object", "null"], "properties": { "from": from }, "required": ["from"] });
        let expected = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Rained",
            "description": "Water came down.",
            "type": "object",
            "properties": {
                "placeNumber": { "description": "Where.", "type": "integer", "format": "int64" },
                "wind": wind,
            },
            "required": ["placeNumber"],
        });
        assert_eq!(published.context, "weather");
        assert_eq!(published.events["Rained"].as_value(), &expected);
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Hasty {
        Snowed(Snow),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Snow {
        place: i64,
        #[serde(skip_serializing_if = "String::is_empty")]
        note: String,
        depth: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
        #[serde(default)]
        wet: bool,
    }

    impl EventSet for Hasty {
        const CONTEXT: &'static str = "weather";
        const KINDS: &'static [&'static str] = &["Snowed"];

        type Key = i64;

        fn key(&self) -> i64 {
            let Self::Snowed(snow) = self;
            snow.place
        }
    }

    #[test]
    fn an_event_that_its_own_type_cannot_read_is_found() {
        let told = Published::of::<Hasty>().unwrap_err();
        assert!(
            told.ends_with("cannot read what it writes:\n  - Snowed.note: it was required, now it may be absent\n"),
            "{told}"
        );
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum Forgetful {
        Rained(Wind),
        Snowed(Wind),
    }

    impl EventSet for Forgetful {
        const CONTEXT: &'static str = "weather";
        const KINDS: &'static [&'static str] = &["Rained"];

        type Key = i64;

        fn key(&self) -> i64 {
            0
        }
    }

    #[test]
    fn a_variant_that_is_not_listed_is_found() {
        assert!(Published::of::<Forgetful>().unwrap_err().contains("Snowed"));
    }
}
