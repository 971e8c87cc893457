use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::compatibility::assertions;
use crate::files::{entries, file_error};
use crate::published::Published;

/// A consumer contract: what a context reads of events of others, by context, event and field. It is the `reads.toml`
/// in the folder of the context.
#[derive(Debug, Clone)]
pub struct ConsumerContract {
    /// The context: the name of the folder.
    pub reader: String,
    /// The file.
    pub file: PathBuf,
    /// The fields that it reads.
    pub reads: Contexts,
}

type Contexts = BTreeMap<String, BTreeMap<String, Fields>>;
/// The fields of one event, by name.
pub(crate) type Fields = BTreeMap<String, Field>;

/// A field that the consumer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Field {
    /// The type.
    pub kind: Kind,
    /// Whether the field is optional for the consumer.
    pub may_be_absent: bool,
}

/// A type of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An integer.
    Integer,
    /// Any number.
    Number,
    /// A string.
    String,
    /// A boolean.
    Boolean,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Integer, Self::Number, Self::String, Self::Boolean];

    const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Boolean => "boolean",
        }
    }

    /// A value of this type. The string is a date, which fits fields with and without that format.
    pub fn sample(self) -> Value {
        match self {
            Self::Integer => json!(7),
            Self::Number => json!(7.5),
            Self::String => json!("2021-01-21"),
            Self::Boolean => json!(true),
        }
    }

    /// Whether a value of the schema's `type` is of this type.
    fn covers(self, of_schema: &str) -> bool {
        of_schema == self.name() || self == Self::Number && of_schema == "integer"
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, may_be_absent) = text.strip_suffix('?').map_or((text.as_str(), false), |name| (name, true));
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| {
            format!("`{text}` is none of integer, number, string, boolean; with a ? after it if it may be absent")
        })?;
        Ok(Self { kind, may_be_absent })
    }
}

impl ConsumerContract {
    /// Parses a contract: a table `[CONTEXT.EVENT]` per event, with a line `FIELD = "KIND"` per field.
    ///
    /// # Errors
    ///
    /// If the text is invalid.
    pub fn parse(reader: &str, file: &Path, text: &str) -> Result<Self, String> {
        let reads: Contexts = toml::from_str(text).map_err(|error| file_error(file, &error))?;
        Ok(Self { reader: reader.to_owned(), file: file.to_owned(), reads })
    }

    /// Reads the contract in the `folder` of a context.
    ///
    /// # Errors
    ///
    /// If it is missing or invalid.
    pub fn of(folder: &Path) -> Result<Self, String> {
        let folder = folder.canonicalize().map_err(|error| file_error(folder, &error))?;
        let file = folder.join("reads.toml");
        let missing = |error| format!("{}: {error}. Consumers list there what they read", file.display());
        let text = fs::read_to_string(&file).map_err(missing)?;
        Self::parse(folder.file_name().and_then(|name| name.to_str()).unwrap_or_default(), &file, &text)
    }

    /// Reads the contracts of all contexts in the folder of a fleet. Every consumer must have one.
    ///
    /// # Errors
    ///
    /// If one is missing or invalid.
    pub fn all(fleet: &Path) -> Result<Vec<Self>, String> {
        let folders = entries(fleet)?;
        let consumes =
            |folder: &&PathBuf| folder.join("src/policies.rs").exists() || folder.join("reads.toml").exists();
        folders.iter().filter(consumes).map(|folder| Self::of(folder)).collect()
    }

    /// The consumer and its file, for messages.
    pub fn name(&self) -> String {
        let (folder, file) = (self.file.parent(), self.file.file_name());
        let folder = folder.and_then(Path::file_name).unwrap_or_default();
        format!("{} ({})", self.reader, Path::new(folder).join(file.unwrap_or_default()).display())
    }

    /// Whether the consumer reads this field of this event; without a field, whether it reads the event.
    pub fn reads(&self, context: &str, event: &str, field: Option<&str>) -> bool {
        let fields = self.reads.get(context).and_then(|events| events.get(event));
        fields.is_some_and(|fields| field.is_none_or(|field| fields.contains_key(field)))
    }

    /// The violations of this contract by the producers.
    pub fn violations(&self, promised: &[Published]) -> Vec<String> {
        let events = self.reads.iter().flat_map(|(context, events)| events.iter().map(move |event| (context, event)));
        events.flat_map(|(context, (event, fields))| self.violations_of(promised, context, event, fields)).collect()
    }

    fn violations_of(&self, promised: &[Published], context: &str, event: &str, fields: &Fields) -> Vec<String> {
        let violation = |what: &str, why: &str| {
            vec![format!("{} reads {what}, but {context} does not promise it any more: {why}", self.name())]
        };
        let Some(published) = promised.iter().find(|published| published.context == context) else {
            return violation(event, "there is no such context");
        };
        let Some(schema) = published.events.get(event) else { return violation(event, "the event is gone") };
        let wrong = fields.iter().filter_map(|(name, field)| {
            let why = field.violation(name, schema.as_value())?;
            Some(violation(&format!("{event}.{name} ({})", field.kind), &why))
        });
        wrong.flatten().collect()
    }
}

impl Field {
    /// Why the schema of an event violates it; `None` if it does not.
    fn violation(self, name: &str, event: &Value) -> Option<String> {
        let Some(promised) = event["properties"].get(name) else { return Some("the field is gone".into()) };
        let required = event["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
        if !required && !self.may_be_absent {
            return Some("it may be absent".into());
        }
        let kinds = match &promised["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect::<Vec<_>>(),
        };
        // An optional field may be null.
        let fits = |kind: &&str| self.kind.covers(kind) || self.may_be_absent && *kind == "null";
        (kinds.is_empty() || !kinds.iter().all(fits)).then(|| format!("it is {}", assertions(promised)))
    }
}

#[cfg(test)]
mod tests {
    use schemars::Schema;

    use super::*;

    fn promised(properties: &Value, required: &[&str]) -> Vec<Published> {
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        let events = [("Rained".to_owned(), Schema::try_from(schema).unwrap())].into();
        vec![Published { context: "weather".into(), events }]
    }

    fn gardener(field: &str) -> Result<ConsumerContract, String> {
        let text = format!("[weather.Rained]\nmillimetres = \"{field}\"");
        ConsumerContract::parse("gardener", Path::new("fleet/gardener/reads.toml"), &text)
    }

    #[test]
    fn a_violated_contract_is_reported_with_its_consumer() {
        let cases = [
            ("integer", json!({ "millimetres": { "type": "integer", "format": "int64" } }), true, None),
            ("number", json!({ "millimetres": { "type": "integer" } }), true, None),
            ("integer?", json!({ "millimetres": { "type": ["integer", "null"] } }), false, None),
            ("integer", json!({ "litres": { "type": "integer" } }), false, Some("the field is gone")),
            ("integer?", json!({ "litres": { "type": "integer" } }), false, Some("the field is gone")),
            ("integer", json!({ "millimetres": { "type": "integer" } }), false, Some("it may be absent")),
            ("integer", json!({ "millimetres": { "type": "string" } }), true, Some(r#"it is {"type":"string"}"#)),
            ("integer", json!({ "millimetres": { "type": "number" } }), true, Some(r#"it is {"type":"number"}"#)),
            (
                "integer",
                json!({ "millimetres": { "type": ["integer", "null"] } }),
                true,
                Some(r#"it is {"type":["integer","null"]}"#),
            ),
        ];
        for (field, properties, required, why) in cases {
            let required: &[&str] = if required { &["millimetres"] } else { &[] };
            let told = gardener(field).unwrap().violations(&promised(&properties, required));
            let kind = field.trim_end_matches('?');
            let begin =
                format!("gardener (gardener/reads.toml) reads Rained.millimetres ({kind}), but weather does not");
            let expected: Vec<String> = why.iter().map(|why| format!("{begin} promise it any more: {why}")).collect();
            assert_eq!(told, expected, "{field} {properties}");
        }
    }

    #[test]
    fn a_removed_event_or_context_is_reported() {
        let statement = gardener("integer").unwrap();
        assert!(
            statement.violations(&[])[0]
                .contains("reads Rained, but weather does not promise it any more: there is no")
        );
        let silent = [Published { context: "weather".into(), events: BTreeMap::new() }];
        assert!(statement.violations(&silent)[0].ends_with("the event is gone"));
    }

    #[test]
    fn an_unknown_type_is_rejected() {
        let refused = gardener("integr").unwrap_err();
        assert!(refused.contains("`integr` is none of integer, number"), "{refused}");
    }
}
