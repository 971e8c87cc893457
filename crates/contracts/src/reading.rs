//! The reader's side: a statement is true if the reader's own code needs just what it says.

use std::collections::BTreeMap;
use std::path::Path;

use ambient::Timestamp;
use events::{DecodeError, Envelope};
use serde_json::{Map, Value, json};

use crate::kept::kept_events;
use crate::statement::Fields;
use crate::{Statement, verdict};

impl Statement {
    /// Whether the reader reads just what it states: its `decode` understands events that have only that, loses something
    /// without each field, and looks at nothing else that the schemas below `events` have.
    ///
    /// `decode` gives what it understood as text that tells all of it apart; `None` if it passes an event over.
    ///
    /// # Errors
    ///
    /// Where statement and code differ.
    pub fn is_true(
        &self,
        contexts: &[&str],
        events: &Path,
        decode: impl Fn(&Envelope) -> Result<Option<String>, DecodeError>,
    ) -> Result<(), String> {
        let mut wrong = Vec::new();
        let stated = self.reads.keys().map(String::as_str);
        wrong.extend(
            stated.filter(|stated| !contexts.contains(stated)).map(|stated| format!("it does not listen to {stated}")),
        );
        let none = BTreeMap::new();
        for context in contexts {
            let stated = self.reads.get(*context).unwrap_or(&none);
            let kept = kept_events(events, context)?;
            if kept.is_empty() {
                wrong.push(format!("nothing that {context} tells is below {}", events.display()));
            }
            for (event, fields) in stated {
                let properties = kept.get(event).map_or(&Value::Null, |schema| &schema.as_value()["properties"]);
                wrong.extend(Reading { context, event, decode: &decode }.compare(fields, properties));
            }
            for event in kept.keys().filter(|event| !stated.contains_key(*event)) {
                wrong.extend(Reading { context, event, decode: &decode }.is_passed_over());
            }
        }
        verdict(&format!("{} does not say what {} reads:", self.file.display(), self.reader), &wrong)
    }
}

/// One kind of event before the reader.
struct Reading<'a, D> {
    context: &'a str,
    event: &'a str,
    decode: &'a D,
}

impl<D: Fn(&Envelope) -> Result<Option<String>, DecodeError>> Reading<'_, D> {
    fn read(&self, data: &Value) -> Result<Option<String>, DecodeError> {
        (self.decode)(&Envelope {
            id: "0196".into(),
            source: format!("/fleet/{}", self.context),
            kind: self.event.to_owned(),
            subject: "7".into(),
            time: Timestamp::from_micros(1_795_246_200_000_000),
            trace: None,
            data: data.to_string(),
        })
    }

    fn compare(&self, fields: &Fields, properties: &Value) -> Vec<String> {
        let event = self.event;
        let all = sample(fields.iter().map(|(name, field)| (name, field.kind.sample())));
        let least = sample(
            fields.iter().filter(|(_, field)| !field.may_be_absent).map(|(name, field)| (name, field.kind.sample())),
        );
        let understood = match (self.read(&all), self.read(&least)) {
            (Ok(Some(understood)), Ok(Some(_))) => understood,
            (Ok(None), _) | (_, Ok(None)) => return vec![format!("{event}: it is stated, but passed over")],
            (Err(error), _) | (_, Err(error)) => {
                return vec![format!("{event}: the fields that are stated are not enough: {error}")];
            }
        };
        let same = |data: &Value| self.read(data).is_ok_and(|other| other.as_ref() == Some(&understood));
        let idle = fields.keys().filter(|name| same(&without(&all, name)));
        let idle = idle.map(|name| format!("{event}.{name} is stated, but nothing is lost without it"));
        let unstated =
            properties.as_object().into_iter().flat_map(Map::keys).filter(|name| !fields.contains_key(*name));
        let unstated = unstated.filter(|name| !anything().iter().all(|value| same(&with(&all, name, value))));
        idle.chain(unstated.map(|name| format!("{event}.{name} is read, but not stated"))).collect()
    }

    /// An event that is not stated must not matter, whatever is in it: else a change of it would break this reader.
    fn is_passed_over(&self) -> Option<String> {
        let passed = anything().iter().all(|data| matches!(self.read(data), Ok(None)));
        (!passed).then(|| format!("{} is read, but not stated", self.event))
    }
}

/// A value of each kind: whoever does not read a field takes them all.
fn anything() -> [Value; 6] {
    [Value::Null, json!(true), json!(8), json!("other"), json!([]), json!({})]
}

fn sample<'a>(fields: impl Iterator<Item = (&'a String, Value)>) -> Value {
    Value::Object(fields.map(|(name, value)| (name.clone(), value)).collect())
}

fn with(data: &Value, name: &str, value: &Value) -> Value {
    let mut data = data.clone();
    data[name] = value.clone();
    data
}

fn without(data: &Value, name: &str) -> Value {
    let kept = data.as_object().into_iter().flatten().filter(|(known, _)| *known != name);
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use events::EventSet;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Published;
    use crate::kept::{self, Update};

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    enum Weather {
        Rained(Rained),
        Snowed(Rained),
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Rained {
        place: i64,
        millimetres: i64,
        wind: Option<String>,
    }

    impl EventSet for Weather {
        const CONTEXT: &'static str = "weather";
        const KINDS: &'static [&'static str] = &["Rained", "Snowed"];

        fn correlation_id(&self) -> i64 {
            let (Self::Rained(event) | Self::Snowed(event)) = self;
            event.place
        }
    }

    /// Knows the rain, wherever it is, and the wind; the type makes it read the millimetres too.
    fn gardener(envelope: &Envelope) -> Result<Option<String>, DecodeError> {
        if envelope.kind != "Rained" {
            return Ok(None);
        }
        Ok(events::decode::<Weather>(&envelope.kind, &envelope.data)?.map(|weather| format!("{weather:?}")))
    }

    fn verdict(statement: &str, contexts: &[&str]) -> String {
        let place = tempfile::tempdir().unwrap();
        let published = [Published::of::<Weather>().unwrap()];
        kept::events(place.path(), &published, &[], Update::Additions).unwrap();
        let statement = Statement::parse("gardener", Path::new("reads.toml"), statement).unwrap();
        statement.is_true(contexts, place.path(), gardener).err().unwrap_or_default()
    }

    const TRUE: &str = "[weather.Rained]\nplace = \"integer\"\nmillimetres = \"integer\"\nwind = \"string?\"\n";

    #[test]
    fn a_statement_of_just_what_is_read_is_true() {
        assert_eq!(verdict(TRUE, &["weather"]), "");
    }

    #[test]
    fn what_is_missing_or_too_much_is_told() {
        let cases = [
            (
                TRUE.replace("place = \"integer\"", ""),
                "Rained: the fields that are stated are not enough: Rained: missing field `place`",
            ),
            (TRUE.replace("wind = \"string?\"", ""), "Rained.wind is read, but not stated"),
            (format!("{TRUE}colour = \"string\"\n"), "Rained.colour is stated, but nothing is lost without it"),
            (format!("{TRUE}[weather.Snowed]\nplace = \"integer\""), "Snowed: it is stated, but passed over"),
            (format!("{TRUE}[traffic.Jammed]\nplace = \"integer\""), "it does not listen to traffic"),
            (String::new(), "Rained is read, but not stated"),
        ];
        for (statement, expected) in cases {
            let told = verdict(&statement, &["weather"]);
            assert!(told.contains(expected), "{told}");
        }
        assert!(verdict(TRUE, &["weather", "traffic"]).contains("nothing that traffic tells is below"));
    }
}
