use std::borrow::Cow;

use ambient::Timestamp;
use thiserror::Error;

use crate::TraceContext;

const SPEC_VERSION: &str = "1.0";
const JSON: &str = "application/json";

/// One event as it travels: its attributes and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique among all events: what an inbox remembers.
    pub id: String,
    /// The context that says it, such as `/fleet/context`.
    pub source: String,
    /// The event's name.
    pub kind: String,
    /// The business case it belongs to: the correlation id, and the record's key.
    pub subject: String,
    /// When it happened.
    pub time: Timestamp,
    /// The trace it happened in.
    pub trace: Option<TraceContext>,
    /// JSON text.
    pub data: String,
}

/// Why a record is not an event.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// A header that every event has is not there, or is not UTF-8.
    #[error("header {0} is missing or not UTF-8")]
    Missing(&'static str),
    /// It is of a version that this code does not know.
    #[error("ce_specversion is {0:?}, not \"1.0\"")]
    Version(String),
    /// `ce_time` is not RFC 3339.
    #[error("ce_time is {0:?}, not RFC 3339")]
    Time(String),
    /// The data is not UTF-8, so it cannot be JSON.
    #[error("the data is not UTF-8")]
    Data,
}

impl Envelope {
    /// The record's headers.
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

    /// Reads an event from a record's headers and data.
    ///
    /// `header` finds a header's value by its name. What is not known is ignored; a broken trace is no trace.
    pub fn read<'a>(header: impl Fn(&str) -> Option<&'a [u8]>, data: &[u8]) -> Result<Self, EnvelopeError> {
        let text = |name| header(name).and_then(|value| std::str::from_utf8(value).ok());
        let required = |name| text(name).ok_or(EnvelopeError::Missing(name)).map(str::to_owned);
        let version = required("ce_specversion")?;
        if version != SPEC_VERSION {
            return Err(EnvelopeError::Version(version));
        }
        let time = required("ce_time")?;
        Ok(Self {
            id: required("ce_id")?,
            source: required("ce_source")?,
            kind: required("ce_type")?,
            subject: required("ce_subject")?,
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
        Envelope::read(find, data)
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
}
