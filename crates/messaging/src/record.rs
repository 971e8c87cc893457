use std::fmt;

use events::{Envelope, EnvelopeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Place")]
pub struct RecordPosition {
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: i32,
    /// The position in the partition.
    pub offset: i64,
}

impl RecordPosition {
    /// Whether Kafka allows such a position. One that was read from data may be anything.
    pub(crate) fn is_valid(&self) -> bool {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_named = (1..=249).contains(&self.topic.len()) && self.topic.bytes().all(is_allowed);
        is_named && self.partition >= 0 && self.offset >= 0
    }
}

impl fmt::Display for RecordPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// A record as the broker delivered it. `None` is a null, which differs from zero bytes.
///
/// It has no timestamp: no reader uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub place: RecordPosition,
    /// The correlation id, for events.
    pub key: Option<Vec<u8>>,
    /// The readable headers, in the order in which they were sent.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// The number of further headers: with names that are not UTF-8, or past the maximum.
    pub unread_headers: usize,
    /// The data.
    pub payload: Option<Vec<u8>>,
}

impl Record {
    /// A record without key, headers and payload.
    pub const fn empty(place: RecordPosition) -> Self {
        Self { place, key: None, headers: Vec::new(), unread_headers: 0, payload: None }
    }

    /// The record that the broker would deliver for `envelope`: for tests and simulations.
    pub fn carrying(envelope: &Envelope, place: RecordPosition) -> Self {
        let headers = envelope.headers().into_iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec()))).collect();
        let (key, payload) = (envelope.subject.clone().into_bytes(), envelope.data.clone().into_bytes());
        Self { key: Some(key), headers, payload: Some(payload), ..Self::empty(place) }
    }

    /// The value of the header `name`.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref())
    }

    /// Approximate size in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|header| size_of_val(header) + header.0.len() + length(&header.1));
        size_of::<Self>() + length(&self.key) + length(&self.payload) + headers.sum::<usize>()
    }

    /// The event in the record.
    ///
    /// # Errors
    ///
    /// If the record is no valid event.
    pub fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        let [key, data] = [&self.key, &self.payload].map(|bytes| bytes.as_deref().unwrap_or_default());
        Envelope::read(|name| self.header(name), key, data)
    }
}
