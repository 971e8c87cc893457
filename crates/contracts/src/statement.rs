use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Published;
use crate::changes::telling;
use crate::kept::{about, entries};

/// What a context reads of the events of others, by context, event and field: `reads.toml` in its folder.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Whose it is: the name of the folder.
    pub reader: String,
    /// Where it is written.
    pub file: PathBuf,
    /// What it reads.
    pub reads: Contexts,
}

type Contexts = BTreeMap<String, BTreeMap<String, Fields>>;
/// The fields of one event that are read, by name.
pub(crate) type Fields = BTreeMap<String, Field>;

/// A field that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Field {
    /// What it must be.
    pub kind: Kind,
    /// Whether the reader can do without it.
    pub may_be_absent: bool,
}

/// What a value is, in the words of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A text.
    String,
    /// True or false.
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

    /// A value of this kind.
    pub fn sample(self) -> Value {
        match self {
            Self::Integer => json!(7),
            Self::Number => json!(7.5),
            Self::String => json!("text"),
            Self::Boolean => json!(true),
        }
    }

    /// Whether a schema's `type` is of this kind.
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

impl Statement {
    /// Reads a statement: a table `[CONTEXT.EVENT]` per event, in it a line `FIELD = "KIND"` for each field.
    ///
    /// # Errors
    ///
    /// What in it is not to be understood.
    pub fn parse(reader: &str, file: &Path, text: &str) -> Result<Self, String> {
        let reads: Contexts = toml::from_str(text).map_err(|error| about(file, &error))?;
        Ok(Self { reader: reader.to_owned(), file: file.to_owned(), reads })
    }

    /// The statement that a context has in its `folder`.
    ///
    /// # Errors
    ///
    /// If it is not there, or not to be understood.
    pub fn of(folder: &Path) -> Result<Self, String> {
        let folder = folder.canonicalize().map_err(|error| about(folder, &error))?;
        let file = folder.join("reads.toml");
        let missing =
            |error| format!("{}: {error}. Whoever listens to others states there what he reads", file.display());
        let text = fs::read_to_string(&file).map_err(missing)?;
        Self::parse(folder.file_name().and_then(|name| name.to_str()).unwrap_or_default(), &file, &text)
    }

    /// The statements of all contexts in the folder of a fleet. Whoever consumes must have one.
    ///
    /// # Errors
    ///
    /// If one is missing, or not to be understood.
    pub fn all(fleet: &Path) -> Result<Vec<Self>, String> {
        let folders = entries(fleet)?;
        let consumes =
            |folder: &&PathBuf| folder.join("src/policies.rs").exists() || folder.join("reads.toml").exists();
        folders.iter().filter(consumes).map(|folder| Self::of(folder)).collect()
    }

    /// The reader and where he says it.
    pub fn name(&self) -> String {
        let (folder, file) = (self.file.parent(), self.file.file_name());
        let folder = folder.and_then(Path::file_name).unwrap_or_default();
        format!("{} ({})", self.reader, Path::new(folder).join(file.unwrap_or_default()).display())
    }

    /// Whether it reads that field of that event; without a field, whether it reads the event.
    pub fn reads(&self, context: &str, event: &str, field: Option<&str>) -> bool {
        let fields = self.reads.get(context).and_then(|events| events.get(event));
        fields.is_some_and(|fields| field.is_none_or(|field| fields.contains_key(field)))
    }

    /// What of it the producers do not promise.
    pub fn unkept(&self, promised: &[Published]) -> Vec<String> {
        let events = self.reads.iter().flat_map(|(context, events)| events.iter().map(move |event| (context, event)));
        events.flat_map(|(context, (event, fields))| self.unkept_of(promised, context, event, fields)).collect()
    }

    fn unkept_of(&self, promised: &[Published], context: &str, event: &str, fields: &Fields) -> Vec<String> {
        let says = |what: &str, why: &str| {
            vec![format!("{} reads {what}, but {context} does not promise it any more: {why}", self.name())]
        };
        let Some(published) = promised.iter().find(|published| published.context == context) else {
            return says(event, "there is no such context");
        };
        let Some(schema) = published.events.get(event) else { return says(event, "the event is gone") };
        let wrong = fields.iter().filter_map(|(name, field)| {
            let why = field.unkept(name, schema.as_value())?;
            Some(says(&format!("{event}.{name} ({})", field.kind), &why))
        });
        wrong.flatten().collect()
    }
}

impl Field {
    /// Why the schema of an event does not promise it; `None` if it does.
    fn unkept(self, name: &str, event: &Value) -> Option<String> {
        let Some(promised) = event["properties"].get(name) else { return Some("the field is gone".into()) };
        let required = event["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
        if !required && !self.may_be_absent {
            return Some("it may be absent".into());
        }
        let kinds = match &promised["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect::<Vec<_>>(),
        };
        // Who can do without a field can do with a null.
        let fits = |kind: &&str| self.kind.covers(kind) || self.may_be_absent && *kind == "null";
        (kinds.is_empty() || !kinds.iter().all(fits)).then(|| format!("it is {}", telling(promised)))
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

    fn gardener(field: &str) -> Result<Statement, String> {
        let text = format!("[weather.Rained]\nmillimetres = \"{field}\"");
        Statement::parse("gardener", Path::new("fleet/gardener/reads.toml"), &text)
    }

    #[test]
    fn a_promise_is_kept_or_it_is_told_whom_that_breaks() {
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
            let told = gardener(field).unwrap().unkept(&promised(&properties, required));
            let kind = field.trim_end_matches('?');
            let begin =
                format!("gardener (gardener/reads.toml) reads Rained.millimetres ({kind}), but weather does not");
            let expected: Vec<String> = why.iter().map(|why| format!("{begin} promise it any more: {why}")).collect();
            assert_eq!(told, expected, "{field} {properties}");
        }
    }

    #[test]
    fn an_event_or_a_context_that_is_gone_is_told() {
        let statement = gardener("integer").unwrap();
        assert!(
            statement.unkept(&[])[0].contains("reads Rained, but weather does not promise it any more: there is no")
        );
        let silent = [Published { context: "weather".into(), events: BTreeMap::new() }];
        assert!(statement.unkept(&silent)[0].ends_with("the event is gone"));
    }

    #[test]
    fn a_word_that_is_no_kind_is_refused() {
        let refused = gardener("integr").unwrap_err();
        assert!(refused.contains("`integr` is none of integer, number"), "{refused}");
    }
}
