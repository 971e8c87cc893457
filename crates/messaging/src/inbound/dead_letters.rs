use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use events::excerpt;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Record, RecordPosition};

/// The header of a redriven record that names the one context it is for; the others skip it.
pub const REDRIVEN_FOR: &str = "flotilla-redriven-for";

/// Maximum bytes of a reason.
const MAX_REASON_BYTES: usize = 1024;

/// A record that a context could not handle, as it stands in the context's dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Where the record stood: also the letter's id.
    pub place: RecordPosition,
    /// Why it could not be handled.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(schema_with = "nullable")]
    key: Option<Content>,
    headers: Vec<(String, Option<Content>)>,
    /// How many more headers the record has, which could not be read: they are not sent again.
    #[serde(default, skip_serializing_if = "is_zero")]
    unread_headers: usize,
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(schema_with = "nullable")]
    payload: Option<Content>,
    /// Whether the record is longer: the letter has the beginning of its key, headers and payload, and what is sent again
    /// is read from the place.
    #[serde(default, skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// The note that a dead letter was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The letter's id: where its record stood at first.
    pub letter: RecordPosition,
    /// Where it stands now.
    pub place: RecordPosition,
}

impl Redriven {
    /// The type of the event that carries it.
    pub const KIND: &str = "flotilla.Redriven";

    fn is_readable(&self) -> bool {
        self.letter.is_valid() && self.place.is_valid()
    }
}

/// An entry of a dead-letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterEntry {
    /// A record that could not be handled.
    Dead(DeadLetter),
    /// The note that a dead letter was sent again.
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

    /// Truncates it to `room` bytes of content.
    fn truncate(&mut self, room: usize) {
        match self {
            Self::Text(text) => text.truncate(text.floor_char_boundary(room)),
            // Four characters are three bytes.
            Self::Base64(text) => text.truncate(room / 3 * 4),
        }
    }

    fn len(&self) -> usize {
        let (Self::Text(text) | Self::Base64(text)) = self;
        text.len()
    }
}

impl DeadLetter {
    /// The type of the event that carries it.
    pub const KIND: &str = "flotilla.DeadLettered";

    pub(crate) fn of(record: &Record, reason: String, attempts: u32) -> Self {
        Self {
            place: record.place.clone(),
            reason: limited(reason),
            attempts,
            key: record.key.as_deref().map(Content::of),
            headers: record
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_deref().map(Content::of)))
                .collect(),
            unread_headers: record.unread_headers,
            payload: record.payload.as_deref().map(Content::of),
            truncated: false,
        }
    }

    /// The letter in at most `limit` bytes, as the broker counts them: key, headers and payload are truncated.
    pub(crate) fn truncated_to(mut self, limit: usize) -> Self {
        let mut room = limit;
        // Escapes lengthen a text up to six times.
        while room > 0 && self.size() > limit {
            room /= 2;
            self.truncate(room);
            self.truncated = true;
        }
        self
    }

    fn size(&self) -> usize {
        let mut written = ByteCounter(0);
        let data = serde_json::to_writer(&mut written, self).map_or(usize::MAX, |()| written.0);
        // The key is also the key of the letter and the subject of its event.
        data.saturating_add(2 * self.key().len())
    }

    fn truncate(&mut self, room: usize) {
        if let Some(key) = &mut self.key {
            key.truncate(room / 8);
        }
        let mut left = room / 4;
        self.headers.retain_mut(|(name, value)| {
            let fits = name.len() < left;
            left = left.saturating_sub(name.len());
            if let Some(value) = value {
                value.truncate(left);
                left = left.saturating_sub(value.len());
            }
            fits
        });
        if let Some(payload) = &mut self.payload {
            payload.truncate(room / 2);
        }
    }

    /// Whether the record can be restored from it: valid position, valid Base64.
    fn is_readable(&self) -> bool {
        let values = self.headers.iter().map(|(_, value)| value);
        self.place.is_valid() && values.chain([&self.key, &self.payload]).flatten().all(Content::is_readable)
    }

    /// The type of the event, if the record has one.
    pub fn kind(&self) -> Option<String> {
        let header = self.headers.iter().find(|(name, _)| name == "ce_type")?;
        String::from_utf8(header.1.as_ref()?.bytes()).ok()
    }

    /// The key of the record as text that every store accepts: the correlation id, for events.
    pub fn key(&self) -> String {
        // PostgreSQL rejects U+0000 in text.
        let key = self.key.as_ref().map(Content::bytes).unwrap_or_default();
        String::from_utf8_lossy(&key).replace('\0', "\u{fffd}")
    }

    /// The original record, unless the letter is truncated.
    pub(crate) fn record(&self) -> Option<Record> {
        if self.truncated {
            return None;
        }
        let bytes = |content: &Option<Content>| content.as_ref().map(Content::bytes);
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), bytes(value))).collect();
        let (key, payload) = (bytes(&self.key), bytes(&self.payload));
        Some(Record { key, headers, payload, ..Record::empty(self.place.clone()) })
    }
}

fn limited(reason: String) -> String {
    if reason.len() > MAX_REASON_BYTES { excerpt(&reason) } else { reason }
}

/// The record, addressed to `context` alone.
pub(crate) fn for_redrive(mut record: Record, context: &str) -> Record {
    record.headers.retain(|(name, _)| name != REDRIVEN_FOR);
    record.headers.push((REDRIVEN_FOR.to_owned(), Some(context.as_bytes().to_vec())));
    record
}

/// A writer that counts bytes.
struct ByteCounter(usize);

impl io::Write for ByteCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The schema of a required field that may be null.
fn nullable(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Option<Content>>()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl LetterEntry {
    /// The type and the JSON data of the event that carries the entry.
    pub(crate) fn encode(&self) -> Result<(String, String), serde_json::Error> {
        Ok(match self {
            Self::Dead(letter) => (DeadLetter::KIND.to_owned(), serde_json::to_string(letter)?),
            Self::Redriven(note) => (Redriven::KIND.to_owned(), serde_json::to_string(note)?),
        })
    }

    /// Reads an entry from a record of a dead-letter topic. `None` if the record is none.
    pub fn read(record: &Record) -> Option<Self> {
        let event = record.envelope().ok()?;
        match event.kind.as_str() {
            DeadLetter::KIND => serde_json::from_str(&event.data).ok().filter(DeadLetter::is_readable).map(|letter| {
                // Letters of earlier versions have longer reasons.
                Self::Dead(DeadLetter { reason: limited(letter.reason), ..letter })
            }),
            Redriven::KIND => serde_json::from_str(&event.data).ok().filter(Redriven::is_readable).map(Self::Redriven),
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
        let place = RecordPosition { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let record = Record { key: Some(vec![0xff]), ..Record::empty(place.clone()) };
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
        assert_eq!(read(data.replace(",\"payload\":null", "")), None);
        // The client library panics at such a topic.
        assert_eq!(read(data.replace("fleet.context", "fleet\\u0000")), None);
        assert_eq!(read(data.replace("\"partition\":3", "\"partition\":-3")), None);
    }

    #[test]
    fn nulls_and_no_bytes_stay_apart_and_what_was_not_read_of_a_record_is_said() {
        let place = RecordPosition { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let headers = vec![("none".to_owned(), None), ("empty".to_owned(), Some(vec![]))];
        let record = Record { key: None, headers, unread_headers: 2, payload: Some(vec![]), place };
        let letter = DeadLetter::of(&record, "no event".into(), 1);
        let (_, data) = LetterEntry::Dead(letter.clone()).encode().unwrap();
        assert!(data.contains("\"key\":null") && data.contains("\"unreadHeaders\":2"), "{data}");
        let again: DeadLetter = serde_json::from_str(&data).unwrap();
        assert_eq!((again.key(), &again), (String::new(), &letter));
        let resent = for_redrive(again.record().unwrap(), "reader");
        assert_eq!((resent.key, resent.payload), (record.key, record.payload));
        assert_eq!(resent.headers[..2], record.headers[..]);
    }

    #[test]
    fn a_dead_letter_gives_its_record_back_byte_for_byte_and_says_whom_it_is_for() {
        let place = RecordPosition { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let headers =
            vec![("ce_type".to_owned(), Some(b"Happened".to_vec())), ("odd".to_owned(), Some(vec![0xff, 0x00]))];
        let (key, payload) = (Some(b"5000".to_vec()), Some(vec![0xc3, 0x28, 0x00]));
        let record = Record { key, headers, payload, ..Record::empty(place) };
        let letter = DeadLetter::of(&record, "no JSON".into(), 5);
        let (kind, data) = LetterEntry::Dead(letter.clone()).encode().unwrap();
        assert_eq!(kind, DeadLetter::KIND);
        let again: DeadLetter = serde_json::from_str(&data).unwrap();
        assert_eq!(again, letter);
        let resent = for_redrive(again.record().unwrap(), "reader");
        assert_eq!((resent.key, resent.payload), (record.key, record.payload));
        assert_eq!(resent.headers[..2], record.headers[..]);
        assert_eq!(resent.headers[2], (REDRIVEN_FOR.to_owned(), Some(b"reader".to_vec())));
        assert_eq!((letter.kind().as_deref(), letter.key().as_str()), (Some("Happened"), "5000"));
    }

    fn record_of(key: &[u8], header: (&str, &[u8]), payload: &[u8]) -> Record {
        let place = RecordPosition { topic: "fleet.context".into(), partition: 3, offset: 14 };
        let headers = vec![
            ("ce_type".to_owned(), Some(b"Happened".to_vec())),
            (header.0.to_owned(), Some(header.1.to_vec())),
            ("none".to_owned(), None),
        ];
        Record { key: Some(key.to_vec()), headers, payload: Some(payload.to_vec()), ..Record::empty(place) }
    }

    #[test]
    fn a_letter_is_never_larger_than_its_limit_whatever_the_record_has() {
        const LIMIT: usize = 8 * 1024;
        let contents: [&[u8]; 6] = [b"x", b"\0", b"\"", b"\xff", "é".as_bytes(), "\u{fffd}".as_bytes()];
        let sizes = [0, 1_000, 9_000, 40_000];
        for content in contents {
            for (key, header, payload) in triples(&sizes) {
                let of = |size: usize| content.repeat(size / content.len());
                let name = String::from_utf8_lossy(&of(header.min(9_000))).into_owned();
                let record = record_of(&of(key), (&name, &of(header)), &of(payload));
                let letter = DeadLetter::of(&record, "r".repeat(900), 1);
                let fits = letter.size() <= LIMIT;
                let bounded = letter.clone().truncated_to(LIMIT);
                assert!(bounded.size() <= LIMIT, "{content:?} {key} {header} {payload}: {}", bounded.size());
                assert_eq!((&bounded.place, bounded.truncated), (&record.place, !fits));
                assert!(bounded.is_readable() && (!fits || bounded == letter));
                assert_eq!(bounded.record().is_some(), fits);
            }
        }
    }

    /// All triples of these.
    fn triples(sizes: &[usize]) -> Vec<(usize, usize, usize)> {
        let pairs = sizes.iter().flat_map(|a| sizes.iter().map(move |b| (*a, *b)));
        pairs.flat_map(|(a, b)| sizes.iter().map(move |c| (a, b, *c))).collect()
    }

    #[test]
    fn a_letter_that_is_cut_has_the_place_the_type_and_the_beginning_and_says_that_it_is_cut() {
        let long = format!("{{\"caseId\":\"{}\"}}", "9".repeat(520_000));
        let letter =
            DeadLetter::of(&record_of(b"5000", ("odd", b"1"), long.as_bytes()), "why".into(), 1).truncated_to(65_536);
        let data = serde_json::to_string(&letter).unwrap();
        assert!(data.contains("\"truncated\":true") && data.contains("caseId"), "{}", &data[..300]);
        assert_eq!((letter.kind().as_deref(), letter.key().as_str()), (Some("Happened"), "5000"));
        assert!((16_000..=65_536).contains(&data.len()), "{}", data.len());
    }

    #[test]
    fn letters_of_before_there_was_a_limit_are_still_read() {
        let old = r#"{"place":{"topic":"f.c","partition":1,"offset":2},"reason":"no JSON","attempts":5,
            "key":{"text":"5000"},"headers":[["ce_type",{"text":"Lifted"}]],"payload":{"base64":"/w=="}}"#;
        let letter: DeadLetter = serde_json::from_str(old).unwrap();
        assert!(!letter.truncated);
        assert_eq!(letter.record().unwrap().payload, Some(vec![0xff]));
        assert!(!serde_json::to_string(&letter).unwrap().contains("truncated"));
    }
}
