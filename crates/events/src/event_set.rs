use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

/// All that one context tells the world: an enum with one variant per event.
///
/// Serde's external tagging gives the wire form: the variant's name is the event's type, its content the data.
/// Fields may be added later; a reader ignores those it does not know.
pub trait EventSet: Serialize + DeserializeOwned + JsonSchema + Send + 'static {
    /// The context that owns these events: the last part of the topic's name.
    const CONTEXT: &'static str;

    /// The types, that is the variants' names.
    const KINDS: &'static [&'static str];

    /// The business case the event belongs to: the record's key.
    fn correlation_id(&self) -> i64;
}

/// An event of a known type whose data cannot be read: no retry heals it.
#[derive(Debug, Error)]
#[error("{kind}: {reason}")]
pub struct DecodeError {
    kind: String,
    reason: serde_json::Error,
}

/// Reads an event by its type. `None` if the set has no such type: a newer writer's event is no failure.
pub fn decode<E: EventSet>(kind: &str, data: &str) -> Result<Option<E>, DecodeError> {
    if !E::KINDS.contains(&kind) {
        return Ok(None);
    }
    let read = || {
        let data: Value = serde_json::from_str(data)?;
        serde_json::from_value(Value::Object(std::iter::once((kind.to_owned(), data)).collect()))
    };
    read().map(Some).map_err(|reason| DecodeError { kind: kind.to_owned(), reason })
}

/// The event's type and its data as JSON text.
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

        fn correlation_id(&self) -> i64 {
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

    #[test]
    fn an_unknown_type_is_no_failure_but_broken_data_is() {
        assert_eq!(decode::<Weather>("Snowed", "not even JSON").unwrap(), None);
        let refused = decode::<Weather>("Rained", r#"{"place":7}"#).unwrap_err();
        assert!(refused.to_string().contains("missing field `millimetres`"), "{refused}");
        assert!(decode::<Weather>("Rained", "{").is_err());
    }
}
