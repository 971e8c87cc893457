//! Verification of the consumer: a contract is true if the code of the consumer reads exactly the fields it lists.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use ambient::Timestamp;
use events::{DecodeError, Envelope};
use serde_json::{Map, Value, json};

use crate::consumer_contract::{ConsumerContract, Fields};
use crate::generated::stored_events;
use crate::verdict;

/// Asserts that the code of a context reads exactly the fields that its consumer contract lists: [`ConsumerContract::verify`] for
/// the context in `folder`, with the schemas of the events of its fleet. `decode` is that of its event handler.
///
/// # Panics
///
/// With the differences between contract and code.
pub fn assert_consumer_contract<E: Debug>(
    folder: &str,
    contexts: &[&str],
    decode: impl Fn(&Envelope) -> Result<Option<E>, DecodeError>,
) {
    let folder = Path::new(folder);
    let fleet = folder.parent().and_then(Path::file_name).unwrap_or_default();
    let events = folder.join("../../../contracts").join(fleet).join("events");
    let decode = |event: &Envelope| Ok(decode(event)?.map(|event| format!("{event:?}")));
    ConsumerContract::of(folder)
        .and_then(|contract| contract.verify(contexts, &events, decode))
        .unwrap_or_else(|differences| panic!("{differences}"));
}

impl ConsumerContract {
    /// Verifies that the consumer reads exactly what the contract lists. Its `decode` must understand events with the listed
    /// fields only, must depend on each of them, and must ignore all other fields and events in the schemas below
    /// `events`.
    ///
    /// `decode` returns a text that differs for different content, or `None` for an ignored event.
    ///
    /// # Errors
    ///
    /// The differences between contract and code.
    pub fn verify(
        &self,
        contexts: &[&str],
        events: &Path,
        decode: impl Fn(&Envelope) -> Result<Option<String>, DecodeError>,
    ) -> Result<(), String> {
        let mut wrong = Vec::new();
        let stated = self.reads.keys().map(String::as_str);
        wrong.extend(
            stated.filter(|stated| !contexts.contains(stated)).map(|stated| format!("it does not consume {stated}")),
        );
        let none = BTreeMap::new();
        for context in contexts {
            let stated = self.reads.get(*context).unwrap_or(&none);
            let stored = stored_events(events, context)?;
            if stored.is_empty() {
                wrong.push(format!("no events of {context} are below {}", events.display()));
            }
            for (event, fields) in stated {
                let properties = stored.get(event).map_or(&Value::Null, |schema| &schema.as_value()["properties"]);
                wrong.extend(Consumer { context, event, decode: &decode }.compare(fields, properties));
            }
            for event in stored.keys().filter(|event| !stated.contains_key(*event)) {
                wrong.extend(Consumer { context, event, decode: &decode }.check_ignored());
            }
        }
        verdict(&format!("{} does not say what {} reads:", self.file.display(), self.reader), &wrong)
    }
}

/// The consumer of one event type.
struct Consumer<'a, D> {
    context: &'a str,
    event: &'a str,
    decode: &'a D,
}

impl<D: Fn(&Envelope) -> Result<Option<String>, DecodeError>> Consumer<'_, D> {
    fn decode(&self, data: &Value) -> Result<Option<String>, DecodeError> {
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
        let understood = match (self.decode(&all), self.decode(&least)) {
            (Ok(Some(understood)), Ok(Some(_))) => understood,
            (Ok(None), _) | (_, Ok(None)) => return vec![format!("{event}: it is stated, but passed over")],
            (Err(error), _) | (_, Err(error)) => {
                return vec![format!("{event}: the fields that are stated are not enough: {error}")];
            }
        };
        let same = |data: &Value| self.decode(data).is_ok_and(|other| other.as_ref() == Some(&understood));
        let ignored = |name: &str| arbitrary_values().iter().all(|value| same(&with(&all, name, value)));
        // An optional field whose type is checked is read, even if the consumer does not use its value.
        let unused = fields.keys().filter(|name| same(&without(&all, name)) && ignored(name));
        let unused = unused.map(|name| format!("{event}.{name} is stated, but nothing is lost without it"));
        let unstated =
            properties.as_object().into_iter().flat_map(Map::keys).filter(|name| !fields.contains_key(*name));
        let unstated = unstated.filter(|name| !ignored(name));
        unused.chain(unstated.map(|name| format!("{event}.{name} is read, but not stated"))).collect()
    }

    /// An event that is not listed must be ignored whatever it contains: else a change of it would break the consumer.
    fn check_ignored(&self) -> Option<String> {
        let passed = arbitrary_values().iter().all(|data| matches!(self.decode(data), Ok(None)));
        (!passed).then(|| format!("{} is read, but not stated", self.event))
    }
}

/// Values of all types: a consumer that ignores a field accepts them all.
fn arbitrary_values() -> [Value; 6] {
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
    let rest = data.as_object().into_iter().flatten().filter(|(known, _)| *known != name);
    Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use events::EventSet;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::Published;
    use crate::generated::{self, Update};

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

        type Key = i64;

        fn key(&self) -> i64 {
            let (Self::Rained(event) | Self::Snowed(event)) = self;
            event.place
        }
    }

    /// Knows the rain, wherever it is, and the wind; the type makes it read the millimetres too.
    fn gardener(envelope: &Envelope) -> Result<Option<String>, DecodeError> {
        if envelope.kind != "Rained" {
            return Ok(None);
        }
        Ok(envelope.event::<Weather>()?.map(|weather| format!("{weather:?}")))
    }

    /// Uses the place alone; the type makes it read the rest.
    fn geographer(envelope: &Envelope) -> Result<Option<String>, DecodeError> {
        if envelope.kind != "Rained" {
            return Ok(None);
        }
        Ok(envelope.event::<Weather>()?.map(|weather| weather.key().to_string()))
    }

    fn verdict(statement: &str, contexts: &[&str]) -> String {
        verdict_of(gardener, statement, contexts)
    }

    fn verdict_of(
        consumer: fn(&Envelope) -> Result<Option<String>, DecodeError>,
        statement: &str,
        contexts: &[&str],
    ) -> String {
        let place = tempfile::tempdir().unwrap();
        let published = [Published::of::<Weather>().unwrap()];
        generated::events(place.path(), &published, &[], Update::Additions).unwrap();
        let statement = ConsumerContract::parse("gardener", Path::new("reads.toml"), statement).unwrap();
        statement.verify(contexts, place.path(), consumer).err().unwrap_or_default()
    }

    const TRUE: &str = "[weather.Rained]\nplace = \"integer\"\nmillimetres = \"integer\"\nwind = \"string?\"\n";

    #[test]
    fn a_contract_that_lists_exactly_the_fields_read_is_true() {
        assert_eq!(verdict(TRUE, &["weather"]), "");
    }

    #[test]
    fn an_optional_field_whose_type_is_checked_is_read() {
        assert_eq!(verdict_of(geographer, TRUE, &["weather"]), "");
        let unstated = TRUE.replace("wind = \"string?\"", "");
        let report = verdict_of(geographer, &unstated, &["weather"]);
        assert!(report.contains("Rained.wind is read, but not stated"), "{report}");
    }

    #[test]
    fn missing_and_unused_fields_are_reported() {
        let cases = [
            (
                TRUE.replace("place = \"integer\"", ""),
                "Rained: the fields that are stated are not enough: Rained: missing field `place`",
            ),
            (TRUE.replace("wind = \"string?\"", ""), "Rained.wind is read, but not stated"),
            (format!("{TRUE}colour = \"string\"\n"), "Rained.colour is stated, but nothing is lost without it"),
            (format!("{TRUE}[weather.Snowed]\nplace = \"integer\""), "Snowed: it is stated, but passed over"),
            (format!("{TRUE}[traffic.Jammed]\nplace = \"integer\""), "it does not consume traffic"),
            (String::new(), "Rained is read, but not stated"),
        ];
        for (statement, expected) in cases {
            let told = verdict(&statement, &["weather"]);
            assert!(told.contains(expected), "{told}");
        }
        assert!(verdict(TRUE, &["weather", "traffic"]).contains("no events of traffic are below"));
    }
}
