//! One event of a fleet, as people and machines are shown it.

use events::{Envelope, EnvelopeError};
use messaging::{Record, admin};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::columns::plain;

/// An event, and where it was said.
#[derive(Debug, Clone)]
pub struct Event {
    context: String,
    /// The one context that it is for, if it was sent again.
    again_for: Option<String>,
    envelope: Envelope,
}

/// The structured form of CloudEvents. `redrivenfor` is an extension of ours.
#[derive(Serialize)]
struct Structured<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrivenfor: Option<&'a str>,
    datacontenttype: &'static str,
    data: Data<'a>,
}

/// Data as it was said; text that is not JSON becomes a JSON string.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Json(Box<RawValue>),
    Text(&'a str),
}

impl Event {
    /// Reads a record of a topic of `fleet`.
    pub fn read(fleet: &str, record: &Record) -> Result<Self, EnvelopeError> {
        let topic = record.place.topic.as_str();
        let context = topic.strip_prefix(fleet).and_then(|rest| rest.strip_prefix('.')).unwrap_or(topic);
        let envelope = record.envelope()?;
        Ok(Self { context: context.to_owned(), again_for: admin::redriven_for(record), envelope })
    }

    /// By what history is sorted.
    pub fn time(&self) -> ambient::Timestamp {
        self.envelope.time
    }

    /// One line for people.
    pub fn text(&self) -> String {
        let Self { context, again_for, envelope } = self;
        let [context, kind, subject, data] =
            [context, &envelope.kind, &envelope.subject, &envelope.data].map(|text| plain(text));
        let again = again_for.as_ref().map(|context| format!("  again, for {}", plain(context))).unwrap_or_default();
        let trace = envelope.trace.as_ref().map_or_else(|| "-".to_owned(), events::TraceContext::trace_id);
        format!("{:<27}  {context:<9} {kind:<16} {subject:<8} {data}  {trace}{again}", envelope.time.to_string())
    }

    /// One line for machines.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let Envelope { id, source, kind, subject, time, trace, data } = &self.envelope;
        serde_json::to_string(&Structured {
            specversion: "1.0",
            id,
            source,
            kind,
            subject,
            time: time.to_string(),
            traceparent: trace.as_ref().map(ToString::to_string),
            redrivenfor: self.again_for.as_deref(),
            datacontenttype: "application/json",
            data: Data::of(data),
        })
    }
}

impl<'a> Data<'a> {
    fn of(text: &'a str) -> Self {
        // Within strings JSON escapes the ends of lines, so these only set tokens apart.
        match RawValue::from_string(text.replace(['\r', '\n'], " ")) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::TraceContext;
    use messaging::Place;

    use super::*;

    fn event(data: &str) -> Event {
        let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let envelope = Envelope {
            id: "0196".to_owned(),
            source: "/harbour/crane".to_owned(),
            kind: "Lifted".to_owned(),
            subject: "5000".to_owned(),
            time: ambient::Timestamp::from_micros(1_795_246_200_000_001),
            trace,
            data: data.to_owned(),
        };
        let headers = envelope.headers().into_iter();
        let record = Record {
            place: Place { topic: "harbour.crane".to_owned(), partition: 0, offset: 0 },
            key: b"5000".to_vec(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect(),
            payload: data.as_bytes().to_vec(),
        };
        Event::read("harbour", &record).unwrap()
    }

    #[test]
    fn people_see_when_where_what_about_whom_and_in_which_trace() {
        let expected = "2026-11-21T07:30:00.000001Z  crane     Lifted           5000     {\"id\":5000}  \
                        4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(event("{\"id\":5000}").text(), expected);
        let again = Event { again_for: Some("boat".to_owned()), ..event("{}") };
        assert!(again.text().ends_with("4736  again, for boat"));
    }

    #[test]
    fn an_event_cannot_write_a_second_line_or_move_the_cursor() {
        assert!(event("{}\nforged \u{1b}[2J").text().contains("{}\\nforged \\u{1b}[2J"));
    }

    #[test]
    fn machines_see_a_structured_cloud_event_on_one_line() {
        let line = event("{\n \"id\": 5000, \"big\": 12345678901234567890 }").json().unwrap();
        let expected = "{\"specversion\":\"1.0\",\"id\":\"0196\",\"source\":\"/harbour/crane\",\"type\":\"Lifted\",\
                        \"subject\":\"5000\",\"time\":\"2026-11-21T07:30:00.000001Z\",\
                        \"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\
                        \"datacontenttype\":\"application/json\",\"data\":{  \"id\": 5000, \"big\": 12345678901234567890 }}";
        assert_eq!(line, expected);
    }

    #[test]
    fn data_that_is_not_json_is_shown_as_text() {
        assert!(event("no\njson").json().unwrap().ends_with(r#""data":"no\njson"}"#));
    }
}
