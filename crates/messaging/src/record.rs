use std::fmt;

use events::{Envelope, EnvelopeError};
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: i32,
    /// The position in the partition.
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// One record as the broker delivered it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// The correlation id, as a rule.
    pub key: Vec<u8>,
    /// In the order in which they were sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The data.
    pub payload: Vec<u8>,
}

impl Record {
    /// What the broker would deliver of `envelope`: for tests and simulations, which have none.
    pub fn carrying(envelope: &Envelope, place: Place) -> Self {
        let headers = envelope.headers().into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let (key, payload) = (envelope.subject.clone().into_bytes(), envelope.data.clone().into_bytes());
        Self { place, key, headers: headers.collect(), payload }
    }

    /// The value of the header `name`.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The event that the record carries.
    pub fn envelope(&self) -> Result<Envelope, EnvelopeError> {
        Envelope::read(|name| self.header(name), &self.payload)
    }
}

impl From<&BorrowedMessage<'_>> for Record {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            place: Place {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
            },
            key: message.key().unwrap_or_default().to_vec(),
            headers: headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect(),
            payload: message.payload().unwrap_or_default().to_vec(),
        }
    }
}
