use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Place, Record};

/// The header of a redriven record that names the context it is for: the others have had it.
pub const REDRIVEN_FOR: &str = "flotilla-redriven-for";

/// A record that a context could not handle, as it stands in the context's dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Where the record stood: also the letter's id.
    pub place: Place,
    /// Why it could not be handled.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    key: Content,
    headers: Vec<(String, Content)>,
    payload: Content,
}

/// The note that a dead letter was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The letter's id: where its record stood at first.
    pub letter: Place,
    /// Where it stands now.
    pub place: Place,
}

impl Redriven {
    /// The type of the event that carries it.
    pub const KIND: &str = "flotilla.Redriven";
}

/// What stands in a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterEntry {
    /// A record could not be handled.
    Dead(DeadLetter),
    /// It was sent again.
    Redriven(Redriven),
}

/// Bytes that JSON can carry: readable where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Content {
    Text(String),
    Base64(String),
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    fn is_readable(&self) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Base64(text) => STANDARD.decode(text).is_ok(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        }
    }
}

impl DeadLetter {
    /// The type of the event that carries it.
    pub const KIND: &str = "flotilla.DeadLettered";

    pub(crate) fn of(record: &Record, reason: String, attempts: u32) -> Self {
        Self {
            place: record.place.clone(),
            reason,
            attempts,
            key: Content::of(&record.key),
            headers: record.headers.iter().map(|(name, value)| (name.clone(), Content::of(value))).collect(),
            payload: Content::of(&record.payload),
        }
    }

    /// False for a letter whose record would come back as another one.
    fn is_readable(&self) -> bool {
        let values = self.headers.iter().map(|(_, value)| value);
        values.chain([&self.key, &self.payload]).all(Content::is_readable)
    }

    /// The event's type, if the record had one.
    pub fn kind(&self) -> Option<String> {
        let header = self.headers.iter().find(|(name, _)| name == "ce_type")?;
        String::from_utf8(header.1.bytes()).ok()
    }

    /// The record's key as text that a store can keep; the correlation id as a rule.
    pub fn key(&self) -> String {
        // PostgreSQL has no U+0000 in text.
        String::from_utf8_lossy(&self.key.bytes()).replace('\0', "\u{fffd}")
    }

    /// The record as it was, to be sent again for `context` alone.
    pub(crate) fn record(&self, context: &str) -> Record {
        let known = self.headers.iter().filter(|(name, _)| name != REDRIVEN_FOR);
        let mut headers: Vec<_> = known.map(|(name, value)| (name.clone(), value.bytes())).collect();
        headers.push((REDRIVEN_FOR.to_owned(), context.as_bytes().to_vec()));
        Record { place: self.place.clone(), key: self.key.bytes(), headers, payload: self.payload.bytes() }
    }
}

impl LetterEntry {
    /// The type and the JSON data of the entry, as an event's.
    pub(crate) fn encode(&self) -> Result<(String, String), serde_json::Error> {
        Ok(match self {
            Self::Dead(letter) => (DeadLetter::KIND.to_owned(), serde_json::to_string(letter)?),
            Self::Redriven(note) => (Redriven::KIND.to_owned(), serde_json::to_string(note)?),
        })
    }

    /// Reads an entry from a record of a dead-letter topic; `None` if it is something else.
    pub fn read(record: &Record) -> Option<Self> {
        let event = record.envelope().ok()?;
        match event.kind.as_str() {
            DeadLetter::KIND => serde_json::from_str(&event.data).ok().filter(DeadLetter::is_readable).map(Self::Dead),
            Redriven::KIND => serde_json::from_str(&event.data).ok().map(Self::Redriven),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use events::Envelope;

    use super::*;

    #[test]
    fn what_would_be_sent_again_as_nothing_is_no_letter() {
        let place = Place { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let record = Record { place: place.clone(), key: vec![0xff], headers: Vec::new(), payload: Vec::new() };
        let (kind, data) = LetterEntry::Dead(DeadLetter::of(&record, String::new(), 1)).encode().unwrap();
        let read = |data: String| {
            let (id, source, subject) = ("1".into(), "/fleet/context".into(), "5000".into());
            let time = ambient::Timestamp::from_micros(0);
            let envelope = Envelope { id, source, kind: kind.clone(), subject, time, trace: None, data };
            LetterEntry::read(&Record::carrying(&envelope, place.clone()))
        };
        assert!(data.contains("\"/w==\""), "{data}");
        assert!(read(data.clone()).is_some());
        assert_eq!(read(data.replace("/w==", "/w")), None);
    }

    #[test]
    fn a_dead_letter_gives_its_record_back_byte_for_byte_and_says_whom_it_is_for() {
        let place = Place { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let headers = vec![("ce_type".to_owned(), b"Happened".to_vec()), ("odd".to_owned(), vec![0xff, 0x00])];
        let record = Record { place, key: b"5000".to_vec(), headers, payload: vec![0xc3, 0x28, 0x00] };
        let letter = DeadLetter::of(&record, "no JSON".into(), 5);
        let (kind, data) = LetterEntry::Dead(letter.clone()).encode().unwrap();
        assert_eq!(kind, DeadLetter::KIND);
        let again: DeadLetter = serde_json::from_str(&data).unwrap();
        assert_eq!(again, letter);
        let resent = again.record("reader");
        assert_eq!((resent.key, resent.payload), (record.key, record.payload));
        assert_eq!(resent.headers[..2], record.headers[..]);
        assert_eq!(resent.headers[2], (REDRIVEN_FOR.to_owned(), b"reader".to_vec()));
        assert_eq!((letter.kind().as_deref(), letter.key().as_str()), (Some("Happened"), "5000"));
    }
}
