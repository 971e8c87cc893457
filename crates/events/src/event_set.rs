use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{Envelope, Key, excerpt};

/// The events that a context publishes: an enum with one variant per event type.
///
/// Serde's external tagging is the wire format: the name of the variant is the event type, its content the data. Fields
/// may be added later; readers ignore unknown fields.
pub trait EventSet: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// The context that publishes these events: the last part of the topic's name.
    const CONTEXT: &'static str;

    /// The event types: the names of the variants.
    const KINDS: &'static [&'static str];

    /// The type of the key.
    type Key: Key;

    /// The id of the business case: the key of the record.
    fn key(&self) -> Self::Key;
}

/// The data of one event type: a variant of an [`EventSet`].
pub trait Event: DeserializeOwned {
    /// The type of the key.
    type Key: Key;

    /// The context that publishes it.
    const CONTEXT: &'static str;

    /// The event type.
    const NAME: &'static str;

    /// The id of the business case: the key of the record.
    fn key(&self) -> Self::Key;
}

/// The events of a context that publishes none, such as a read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Never {}

impl EventSet for Never {
    const CONTEXT: &'static str = "";
    const KINDS: &'static [&'static str] = &[];

    type Key = i64;

    fn key(&self) -> i64 {
        match *self {}
    }
}

/// An event of a known type that violates its schema: a retry cannot help.
#[derive(Debug, Error)]
#[error("{kind}: {reason}")]
pub struct DecodeError {
    kind: &'static str,
    /// Bounded, because it may repeat the input.
    reason: String,
}

/// Decodes an event by its type. `None` for an unknown type, which a newer publisher may have.
///
/// Fails if the data violates the schema of the event.
pub fn decode<E: EventSet>(kind: &str, data: &str) -> Result<Option<E>, DecodeError> {
    let Some(kind) = E::KINDS.iter().find(|known| **known == kind) else { return Ok(None) };
    let data = object(kind, data)?;
    serde_json::from_str(&format!("{{\"{kind}\":{data}}}")).map(Some).map_err(|error| DecodeError::new(kind, &error))
}

/// The data of an event, if it is one JSON object. Parsed from text: a `Value` would round numbers, and reject some in
/// unused fields.
fn object<'d>(kind: &'static str, data: &'d str) -> Result<&'d RawValue, DecodeError> {
    let data: &RawValue = serde_json::from_str(data).map_err(|error| DecodeError::new(kind, &error))?;
    // Derived deserializers accept an array for a struct.
    if data.get().starts_with('{') { Ok(data) } else { Err(DecodeError::new(kind, &"the data is no JSON object")) }
}

impl DecodeError {
    fn new(kind: &'static str, reason: &dyn std::fmt::Display) -> Self {
        Self { kind, reason: excerpt(&reason.to_string()) }
    }
}

impl Envelope {
    /// Decodes the event if its context publishes this set and its type is in it: see [`decode`]. Two contexts may use
    /// the same type. Fails if the key of the event differs from the subject.
    pub fn event<E: EventSet>(&self) -> Result<Option<E>, DecodeError> {
        if self.context() != E::CONTEXT {
            return Ok(None);
        }
        let Some(event) = decode::<E>(&self.kind, &self.data)? else { return Ok(None) };
        let kind = E::KINDS.iter().find(|known| **known == self.kind).copied().unwrap_or_default();
        self.expect_subject(kind, &event.key()).map(|()| Some(event))
    }

    /// Decodes the event if it is one of this type. Fails if the data violates the schema of the event, or if its key
    /// differs from the subject.
    pub fn decode<E: Event>(&self) -> Result<Option<E>, DecodeError> {
        if self.kind != E::NAME || self.context() != E::CONTEXT {
            return Ok(None);
        }
        let data = object(E::NAME, &self.data)?;
        let event: E = serde_json::from_str(data.get()).map_err(|error| DecodeError::new(E::NAME, &error))?;
        self.expect_subject(E::NAME, &event.key()).map(|()| Some(event))
    }

    fn expect_subject(&self, kind: &'static str, key: &impl Key) -> Result<(), DecodeError> {
        let key = key.to_string();
        if key == self.subject {
            return Ok(());
        }
        let reason = format!("it is about {}, but its subject is \"{}\"", excerpt(&key), excerpt(&self.subject));
        Err(DecodeError { kind, reason })
    }
}

/// The type and the data of an event, as JSON text.
pub fn encode<E: EventSet>(event: &E) -> Result<(String, String), serde_json::Error> {
    match serde_json::to_value(event)? {
        Value::Object(tagged) if tagged.len() == 1 => tagged.into_iter().next(),
        _ => None,
    }
    .map(|(kind, data)| (kind, data.to_string()))
    .ok_or_else(|| serde::ser::Error::custom("an event set is an enum whose variants hold one struct each"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::EventSet;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum Weather {
        Rained(Rained),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Rained {
        place: i64,
        millimetres: i64,
    }

    impl EventSet for Weather {
        const CONTEXT: &'static str = "weather";
        const KINDS: &'static [&'static str] = &["Rained"];

        type Key = i64;

        fn key(&self) -> i64 {
            let Self::Rained(rained) = self;
            rained.place
        }
    }

    #[test]
    fn an_event_reads_back_as_it_was_written_and_new_fields_are_ignored() {
        let rained = Weather::Rained(Rained { place: 7, millimetres: 3 });
        let (kind, data) = encode(&rained).unwrap();
        assert_eq!((kind.as_str(), data.as_str()), ("Rained", r#"{"millimetres":3,"place":7}"#));
        assert_eq!(decode(&kind, &data).unwrap(), Some(rained));
        let newer = r#"{"place":7,"millimetres":3,"wind":"west"}"#;
        assert!(decode::<Weather>("Rained", newer).unwrap().is_some());
    }

    /// Its type is a field of the data.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, EventSet)]
    #[serde(tag = "kind")]
    #[events(context = "weather", key = "place")]
    enum Flat {
        Rained(Rained),
    }

    #[test]
    fn an_event_whose_type_does_not_enclose_its_data_is_not_written() {
        assert!(encode(&Flat::Rained(Rained { place: 7, millimetres: 3 })).is_err());
    }

    #[test]
    fn an_unknown_type_is_no_failure_but_broken_data_is() {
        assert_eq!(decode::<Weather>("Snowed", "not even JSON").unwrap(), None);
        let refused = decode::<Weather>("Rained", r#"{"place":7}"#).unwrap_err();
        assert!(refused.to_string().contains("missing field `millimetres`"), "{refused}");
        assert!(decode::<Weather>("Rained", "{").is_err());
    }

    #[test]
    fn only_one_whole_json_object_is_an_event() {
        let refused = |data: &str| decode::<Weather>("Rained", data).is_err();
        assert!(!refused(" {\"place\":7,\"millimetres\":3}\n"));
        for data in [
            "",
            "[7,3]",
            "null",
            "\"text\"",
            "{\"place\":7,\"millimetres\":3} {}",
            "{\"place\":7,\"millimetres\":3}}",
            "{\"place\":7,\"millimetres\":3},\"Rained\":{}",
            "{\"place\":7,\"place\":8,\"millimetres\":3}",
        ] {
            assert!(refused(data), "{data}");
        }
    }

    #[test]
    fn an_unknown_field_may_have_any_value() {
        let data = format!(
            "{{\"place\":7,\"millimetres\":3,\"x\":1e400,\"deep\":{}{}}}",
            "[".repeat(5_000),
            "]".repeat(5_000)
        );
        assert!(decode::<Weather>("Rained", &data).unwrap().is_some());
    }

    fn rained(source: &str, subject: &str) -> Envelope {
        Envelope {
            id: "0196".into(),
            source: source.into(),
            kind: "Rained".into(),
            subject: subject.into(),
            time: ambient::Timestamp::from_micros(0),
            trace: None,
            data: r#"{"place":7,"millimetres":3}"#.into(),
        }
    }

    /// Another context, with an event of the same name and other fields.
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    enum Garden {
        Rained(Watered),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Watered {
        place: i64,
    }

    impl EventSet for Garden {
        const CONTEXT: &'static str = "garden";
        const KINDS: &'static [&'static str] = &["Rained"];

        type Key = i64;

        fn key(&self) -> i64 {
            let Self::Rained(watered) = self;
            watered.place
        }
    }

    #[test]
    fn two_contexts_may_use_the_same_name_for_an_event() {
        let (weather, garden) = (rained("/fleet/weather", "7"), rained("/fleet/garden", "7"));
        let expected = Weather::Rained(Rained { place: 7, millimetres: 3 });
        assert_eq!(weather.event::<Weather>().unwrap(), Some(expected));
        assert_eq!(weather.event::<Garden>().unwrap(), None);
        assert_eq!(garden.event::<Garden>().unwrap(), Some(Garden::Rained(Watered { place: 7 })));
        assert_eq!(garden.event::<Weather>().unwrap(), None);
    }

    #[test]
    fn an_event_about_another_case_than_its_subject_is_refused() {
        let envelope = |subject: &str| rained("/fleet/weather", subject);
        assert!(envelope("7").event::<Weather>().unwrap().is_some());
        let refused = envelope("07").event::<Weather>().unwrap_err();
        assert_eq!(refused.to_string(), "Rained: it is about 7, but its subject is \"07\"");
    }

    #[test]
    fn a_reason_does_not_repeat_the_whole_input() {
        let data = format!("{{\"place\":\"{}\"}}", "x".repeat(520_000));
        let reason = decode::<Weather>("Rained", &data).unwrap_err().to_string();
        assert!(reason.starts_with("Rained: invalid type") && reason.len() < 300, "{reason}");
    }
}
