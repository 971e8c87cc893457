use std::borrow::Cow;

use ambient::Timestamp;
use thiserror::Error;

use crate::{TraceContext, excerpt};

const SPEC_VERSION: &str = "1.0";
const JSON: &str = "application/json";

/// Maximum length of an event id in characters: stores index ids, and index entries have a limited size.
pub const MAX_ID_LENGTH: usize = 255;

/// An event with its attributes and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique among all events, the key for deduplication in inboxes. 1 to [`MAX_ID_LENGTH`] characters, no control
    /// characters.
    pub id: String,
    /// The publishing context, such as `/fleet/context`.
    pub source: String,
    /// The event type.
    pub kind: String,
    /// The business case: the correlation id, and the key of the record.
    pub subject: String,
    /// The time of the event.
    pub time: Timestamp,
    /// The trace context of the event.
    pub trace: Option<TraceContext>,
    /// JSON text.
    pub data: String,
}

/// Why a record is not an event.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// A required header is missing or not UTF-8.
    #[error("header {0} is missing or not UTF-8")]
    Missing(&'static str),
    /// An unsupported version of CloudEvents.
    #[error("ce_specversion is \"{}\", not \"1.0\"", excerpt(.0))]
    Version(String),
    /// `ce_id` is empty, too long, or contains a control character.
    #[error("ce_id is \"{}\", not 1 to {MAX_ID_LENGTH} characters without control characters", excerpt(.0))]
    Id(String),
    /// `ce_time` is not RFC 3339.
    #[error("ce_time is \"{}\", not RFC 3339", excerpt(.0))]
    Time(String),
    /// Key and subject differ. The key determines the partition, and so the order among the events of the subject.
    #[error("its subject is \"{}\", but its key is \"{}\"", excerpt(.0), excerpt(.1))]
    Key(String, String),
    /// The data is not UTF-8, so not JSON.
    #[error("the data is not UTF-8")]
    Data,
}

impl Envelope {
    /// The context that published it: the last segment of its source.
    pub fn context(&self) -> &str {
        self.source.rsplit('/').next().unwrap_or_default()
    }

    /// The headers of the record.
    pub fn headers(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut headers = vec![
            ("ce_specversion", SPEC_VERSION.into()),
            ("ce_id", self.id.as_str().into()),
            ("ce_source", self.source.as_str().into()),
            ("ce_type", self.kind.as_str().into()),
            ("ce_subject", self.subject.as_str().into()),
            ("ce_time", self.time.to_string().into()),
            ("content-type", JSON.into()),
        ];
        if let Some(trace) = &self.trace {
            headers.push(("ce_traceparent", trace.to_string().into()));
        }
        headers
    }

    /// Decodes an event from the headers, the key and the data of a record.
    ///
    /// `header` returns the value of a header. Unknown headers and an invalid trace context are ignored.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a [u8]>, key: &[u8], data: &[u8]) -> Result<Self, EnvelopeError> {
        let text = |name| header(name).and_then(|value| std::str::from_utf8(value).ok());
        let required = |name| text(name).ok_or(EnvelopeError::Missing(name)).map(str::to_owned);
        let version = required("ce_specversion")?;
        if version != SPEC_VERSION {
            return Err(EnvelopeError::Version(version));
        }
        let (id, time, subject) = (required("ce_id")?, required("ce_time")?, required("ce_subject")?);
        if !(1..=MAX_ID_LENGTH).contains(&id.chars().count()) || id.contains(char::is_control) {
            return Err(EnvelopeError::Id(id));
        }
        if subject.as_bytes() != key {
            return Err(EnvelopeError::Key(subject, String::from_utf8_lossy(key).into_owned()));
        }
        Ok(Self {
            id,
            source: required("ce_source")?,
            kind: required("ce_type")?,
            subject,
            time: time.parse().map_err(|_| EnvelopeError::Time(time))?,
            trace: text("ce_traceparent").and_then(TraceContext::parse),
            data: std::str::from_utf8(data).map_err(|_| EnvelopeError::Data)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: "0196".into(),
            source: "/fleet/context".into(),
            kind: "SomethingHappened".into(),
            subject: "5000".into(),
            time: Timestamp::from_micros(1_795_246_200_000_000),
            trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            data: r#"{"id":5000}"#.into(),
        }
    }

    fn reread(headers: &[(&str, Cow<'_, str>)], data: &[u8]) -> Result<Envelope, EnvelopeError> {
        let find = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes());
        Envelope::read(find, b"5000", data)
    }

    #[test]
    fn an_event_reads_back_as_it_was_sent_and_unknown_headers_are_ignored() {
        let sent = envelope();
        let mut headers = sent.headers();
        headers.push(("ce_future", "x".into()));
        assert_eq!(reread(&headers, sent.data.as_bytes()), Ok(sent.clone()));
    }

    #[test]
    fn a_record_without_an_id_or_of_another_version_is_no_event() {
        let sent = envelope();
        let without: Vec<_> = sent.headers().into_iter().filter(|(name, _)| *name != "ce_id").collect();
        assert_eq!(reread(&without, b"{}"), Err(EnvelopeError::Missing("ce_id")));
        let mut other = sent.headers();
        other[0].1 = "2.0".into();
        assert_eq!(reread(&other, b"{}"), Err(EnvelopeError::Version("2.0".into())));
        assert_eq!(reread(&sent.headers(), b"\xff"), Err(EnvelopeError::Data));
    }

    #[test]
    fn an_id_that_no_store_can_keep_makes_no_event() {
        let with_id =
            |id: &str| reread(&Envelope { id: id.to_owned(), ..envelope() }.headers(), b"{}").map(|read| read.id);
        let longest = "é".repeat(MAX_ID_LENGTH);
        for id in ["0", " ", "dead fleet.context/0/1", &longest] {
            assert_eq!(with_id(id), Ok(id.to_owned()));
        }
        for id in ["", "a\0", "\u{1}", "a\nb", "\u{7f}", "\u{9b}", &format!("{longest}x")] {
            assert_eq!(with_id(id), Err(EnvelopeError::Id(id.to_owned())));
        }
    }

    #[test]
    fn a_record_whose_key_is_not_its_subject_is_no_event() {
        let other = Envelope { subject: "5001".into(), ..envelope() };
        let refused = reread(&other.headers(), b"{}").unwrap_err();
        assert_eq!(refused.to_string(), "its subject is \"5001\", but its key is \"5000\"");
    }

    #[test]
    fn a_reason_repeats_the_beginning_of_an_input_and_no_control_character() {
        let sent = envelope();
        let mut headers = sent.headers();
        headers[0].1 = format!("\u{1b}[2J{}", "9".repeat(500_000)).into();
        let reason = reread(&headers, b"{}").unwrap_err().to_string();
        assert!(reason.starts_with("ce_specversion is \"\\u{1b}[2J999") && reason.len() < 300, "{reason}");
    }
}
