//! Parsers of records: envelopes, events, dead letters, trace contexts.

use std::fmt::Debug;

use ambient::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::fields::LARGEST;
use events::{Envelope, EventSet, MAX_ID_LENGTH, TraceContext};
use messaging::{LetterEntry, Record, RecordPosition};
use serde_json::Value;

use crate::form::Message;

/// A record with any headers and data: an accepted envelope is published again as the same envelope.
pub fn envelopes(bytes: &[u8]) {
    let Some(envelope) = envelope_of(bytes) else { return };
    assert_eq!(Record::carrying(&envelope, place()).envelope().as_ref(), Ok(&envelope));
    assert!((1..=MAX_ID_LENGTH).contains(&envelope.id.chars().count()) && !envelope.id.contains(char::is_control));
}

/// The same as an event of one context: an accepted event is encoded again as the same event, and its key is in range.
pub fn events<E: EventSet<Key = i64> + PartialEq + Debug>(bytes: &[u8]) {
    let Some(envelope) = envelope_of(bytes) else { return };
    let Ok(Some(event)) = events::decode::<E>(&envelope.kind, &envelope.data) else { return };
    let (kind, data) = events::encode(&event).unwrap();
    assert_eq!(kind, envelope.kind);
    assert!((1..=LARGEST).contains(&event.key()), "{kind} {data}");
    assert_eq!(events::decode::<E>(&kind, &data).unwrap().as_ref(), Some(&event));
}

/// The envelope of a record, if its headers have one. The input is lines of headers, an empty line, and the data.
fn envelope_of(bytes: &[u8]) -> Option<Envelope> {
    let Message { headers, body } = Message::read(bytes);
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let headers = headers.into_iter().map(|(name, value)| (text(name), Some(value.to_vec()))).collect();
    let mut record = Record { headers, payload: Some(body.to_vec()), ..Record::empty(place()) };
    record.key = record.header("ce_subject").map(<[u8]>::to_vec);
    record.envelope().ok()
}

/// The data of an entry in a dead-letter topic: an accepted letter has all parts of its record.
pub fn dead_letters(bytes: &[u8]) {
    let Ok(data) = str::from_utf8(bytes) else { return };
    for kind in ["flotilla.DeadLettered", "flotilla.Redriven"] {
        let record = Record::carrying(&envelope(kind, data), place());
        match LetterEntry::read(&record) {
            Some(LetterEntry::Dead(letter)) => {
                assert!(!letter.key().contains('\0'));
                assert!(!letter.place.topic.contains('\0') && letter.place.partition >= 0, "{}", letter.place);
                let written = serde_json::to_value(&letter).unwrap();
                assert_decodes(&written);
                assert_eq!(serde_json::from_value(written).ok(), Some(letter));
            }
            Some(LetterEntry::Redriven(note)) => {
                assert!(!note.place.topic.contains('\0') && !note.letter.topic.contains('\0'));
                assert_eq!(serde_json::from_value(serde_json::to_value(&note).unwrap()).ok(), Some(note));
            }
            None => {}
        }
    }
}

/// Content that cannot be decoded would be redriven as an empty record.
fn assert_decodes(letter: &Value) {
    let values = letter["headers"].as_array().unwrap().iter().map(|header| &header[1]);
    for content in values.chain([&letter["key"], &letter["payload"]]) {
        let base64 = content["base64"].as_str().unwrap_or_default();
        assert!(STANDARD.decode(base64).is_ok(), "{base64} is not base64");
    }
}

/// The `traceparent` of a request or an event: an accepted one keeps its trace, in the one canonical form.
pub fn traceparents(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some(trace) = TraceContext::parse(text) else { return };
    let written = trace.to_string();
    assert_eq!(TraceContext::parse(&written), Some(trace));
    assert_eq!(written.len(), 55, "{written}");
    // Trace and span keep their digits; only one of the flags is kept.
    assert_eq!(written.get(3..53), text.get(3..53));
}

fn place() -> RecordPosition {
    RecordPosition { topic: "fleet.context".to_owned(), partition: 0, offset: 0 }
}

fn envelope(kind: &str, data: &str) -> Envelope {
    Envelope {
        id: "0196".to_owned(),
        source: "/fleet/context".to_owned(),
        kind: kind.to_owned(),
        subject: "5000".to_owned(),
        time: Timestamp::from_micros(0),
        trace: None,
        data: data.to_owned(),
    }
}
