//! One event of a fleet, as `flotilla events` prints it.

use std::fmt::Write as _;

use events::{Envelope, EnvelopeError, excerpt, is_terminal_control, shown};
use messaging::{Record, admin};
use serde::Serialize;
use serde_json::value::RawValue;

/// Characters of the data in the text form, at most; the JSON form has all of them.
const MAX_DATA_CHARS: usize = 4_000;

/// An event and the context that published it.
#[derive(Debug, Clone)]
pub struct Event {
    context: String,
    /// The only context that handles it, if the event was redriven.
    redriven_for: Option<String>,
    envelope: Envelope,
}

/// The structured mode of CloudEvents. `redrivenfor` is an extension attribute of Flotilla.
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

/// The data of the event; text that is not JSON becomes a JSON string.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Json(Box<RawValue>),
    Text(&'a str),
}

impl Event {
    /// Decodes a record of a topic of `fleet`.
    pub fn read(fleet: &str, record: &Record) -> Result<Self, EnvelopeError> {
        let topic = record.place.topic.as_str();
        let context = topic.strip_prefix(fleet).and_then(|rest| rest.strip_prefix('.')).unwrap_or(topic);
        let envelope = record.envelope()?;
        Ok(Self { context: context.to_owned(), redriven_for: admin::redriven_for(record), envelope })
    }

    /// The time of the event, by which history is sorted.
    pub fn time(&self) -> ambient::Timestamp {
        self.envelope.time
    }

    /// The approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        let Envelope { id, source, kind, subject, data, .. } = &self.envelope;
        size_of::<Self>() + [id, source, kind, subject, data].map(String::len).iter().sum::<usize>()
    }

    /// The text form: one line for people.
    pub fn text(&self) -> String {
        let Self { context, redriven_for, envelope } = self;
        let [context, kind, subject] = [context, &envelope.kind, &envelope.subject].map(|text| excerpt(text));
        let data = shown(&envelope.data, MAX_DATA_CHARS);
        let redriven =
            redriven_for.as_ref().map(|context| format!("  again, for {}", excerpt(context))).unwrap_or_default();
        let trace = envelope.trace.as_ref().map_or_else(|| "-".to_owned(), events::TraceContext::trace_id);
        format!("{:<27}  {context:<9} {kind:<16} {subject:<8} {data}  {trace}{redriven}", envelope.time.to_string())
    }

    /// The JSON form: one line for machines.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let Envelope { id, source, kind, subject, time, trace, data } = &self.envelope;
        let line = serde_json::to_string(&Structured {
            specversion: "1.0",
            id,
            source,
            kind,
            subject,
            time: time.to_string(),
            traceparent: trace.as_ref().map(ToString::to_string),
            redrivenfor: self.redriven_for.as_deref(),
            datacontenttype: "application/json",
            data: Data::of(data),
        })?;
        Ok(escaped(&line))
    }
}

/// Escapes the control characters of a terminal. In JSON they occur only within strings.
fn escaped(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut line, c| {
        if is_terminal_control(c) {
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
        line
    })
}

impl<'a> Data<'a> {
    fn of(text: &'a str) -> Self {
        // JSON strings contain no raw line breaks, so these only separate tokens.
        match RawValue::from_string(text.replace(['\r', '\n'], " ")) {
            Ok(json) => Self::Json(json),
            Err(_) => Self::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::TraceContext;
    use messaging::RecordPosition;

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
        let place = RecordPosition { topic: "harbour.crane".to_owned(), partition: 0, offset: 0 };
        let record = Record::carrying(&envelope, place);
        Event::read("harbour", &record).unwrap()
    }

    #[test]
    fn the_text_form_has_time_context_type_subject_data_and_trace() {
        let expected = "2026-11-21T07:30:00.000001Z  crane     Lifted           5000     {\"id\":5000}  \
                        4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(event("{\"id\":5000}").text(), expected);
        let again = Event { redriven_for: Some("boat".to_owned()), ..event("{}") };
        assert!(again.text().ends_with("4736  again, for boat"));
    }

    #[test]
    fn an_event_cannot_write_a_second_line_or_move_the_cursor() {
        assert!(event("{}\nforged \u{1b}[2J").text().contains("{}\\u{a}forged \\u{1b}[2J"));
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
    fn people_see_a_part_of_much_data_and_machines_see_all_of_it_but_no_terminal_does() {
        let much = event(&format!("\"{}\"", "x".repeat(500_000)));
        assert!(much.text().len() < MAX_DATA_CHARS + 200 && much.json().unwrap().len() > 500_000);
        let line = event("\"\u{9b}2J \u{202e}\"").json().unwrap();
        assert!(line.ends_with(r#""data":"\u009b2J \u202e"}"#), "{line}");
    }

    #[test]
    fn data_that_is_not_json_is_shown_as_text() {
        assert!(event("no\njson").json().unwrap().ends_with(r#""data":"no\njson"}"#));
    }
}
