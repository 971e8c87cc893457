//! The topics and events of a fleet as a document of `AsyncAPI` 3.0:
//! <https://www.asyncapi.com/docs/reference/specification/v3.0.0>.
//!
//! Producers come from the types, consumers from the consumer contracts. The tag of an operation is its context.

use std::collections::BTreeMap;

use ambient::Timestamp;
use events::{Envelope, TraceContext};
use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::consumer_contract::ConsumerContract;
use crate::published::Published;

/// The content of the document.
#[derive(Debug)]
pub struct Fleet<'a> {
    /// The name of the fleet: the default prefix of topics.
    pub name: &'a str,
    /// The title of the document.
    pub title: &'a str,
    /// The description of the fleet.
    pub description: &'a str,
    /// The version of the contract.
    pub version: &'a str,
    /// The description of the key of records.
    pub key: &'a str,
    /// The events of each context.
    pub published: &'a [Published],
    /// The records in dead-letter topics.
    pub dead_letters: &'a Published,
    /// The header of a redriven record, which names its only consumer.
    pub sent_again: &'a str,
    /// The consumer contracts.
    pub readers: &'a [ConsumerContract],
}

/// All headers of events, with their descriptions.
const HEADERS: &[(&str, &str)] = &[
    ("ce_specversion", "The version of CloudEvents."),
    ("ce_id", "Unique among all events: by it a reader knows an event that comes again."),
    ("ce_source", "The context that says it, as /{fleet}/{context}."),
    ("ce_type", "The event's name."),
    ("ce_subject", "What it is about: the same as the record's key."),
    ("ce_time", "When it happened, by RFC 3339, in UTC."),
    ("content-type", "What the data is."),
    ("ce_traceparent", "The trace that it happened in (W3C Trace Context). Left out if there is none."),
];

const SENT_AGAIN: &str =
    "Only on a record that was sent again because this context could not handle it: all others pass it over.";

/// The document. Schemas of events are in files beside it, below `events/`.
///
/// # Errors
///
/// If an envelope has a header without a description here, or two contexts publish events with the same name.
pub fn document(fleet: &Fleet) -> Result<Value, String> {
    let (mut channels, mut messages) = (Map::new(), Map::new());
    for published in fleet.published {
        let address = format!("{{fleet}}.{}", published.context);
        let about = format!("What {} tells the world. Events are kept for ever.", published.context);
        channels.insert(published.context.clone(), channel(&address, &about, published));
    }
    for published in fleet.published.iter().chain([fleet.dead_letters]) {
        for (event, message) in messages_of(fleet, published)? {
            if messages.insert(event.clone(), message).is_some() {
                return Err(format!(
                    "{event} is published by two contexts: consumers of both could not distinguish them"
                ));
            }
        }
    }
    for ConsumerContract { reader, .. } in fleet.readers {
        let address = format!("{{fleet}}.{reader}.dead-letters");
        let about = format!("What {reader} could not handle, and what was sent to it again.");
        channels.insert(format!("{reader}.dead-letters"), channel(&address, &about, fleet.dead_letters));
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": fleet.title,
            "version": fleet.version,
            "description": fleet.description,
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "defaultContentType": "application/json",
        "servers": { "kafka": server() },
        "channels": channels,
        "operations": operations(fleet),
        "components": { "messages": messages, "parameters": { "fleet": parameter(fleet) } },
    }))
}

fn server() -> Value {
    json!({
        "host": "{broker}",
        "protocol": "kafka",
        "description": "Apache Kafka, or the embedded broker of the one-command start.",
        "variables": { "broker": { "default": "127.0.0.1:9092", "description": "As in KAFKA_BROKERS." } },
    })
}

fn parameter(fleet: &Fleet) -> Value {
    json!({ "default": fleet.name, "description": "The fleet's name, as in FLEET." })
}

fn channel(address: &str, about: &str, published: &Published) -> Value {
    let messages: Map<String, Value> = published
        .events
        .keys()
        .map(|event| (event.clone(), reference(&format!("#/components/messages/{event}"))))
        .collect();
    json!({
        "address": address,
        "description": about,
        "parameters": { "fleet": reference("#/components/parameters/fleet") },
        "messages": messages,
    })
}

fn messages_of(fleet: &Fleet, published: &Published) -> Result<Vec<(String, Value)>, String> {
    let message = |(event, schema): (&String, &Schema)| {
        let message = json!({
            "name": event,
            "title": event,
            "summary": schema.get("description").and_then(Value::as_str).unwrap_or(event),
            "contentType": "application/json",
            "headers": headers(event, fleet.sent_again)?,
            "payload": reference(&format!("./events/{}/{event}.json", published.context)),
            "bindings": {
                "kafka": { "key": { "type": "string", "description": fleet.key }, "bindingVersion": "0.5.0" },
            },
        });
        Ok((event.clone(), message))
    };
    published.events.iter().map(message).collect()
}

/// The schema of an event's headers, as the envelope writes them.
fn headers(event: &str, sent_again: &str) -> Result<Value, String> {
    let (one, other) = (headers_of("1", event, true), headers_of("2", event, false));
    let mut properties = Map::new();
    for (name, value) in &one {
        let known = HEADERS.iter().find(|(known, _)| known == name);
        let (_, description) =
            known.ok_or_else(|| format!("the header {name} has no description: add it to HEADERS"))?;
        let mut schema = json!({ "type": "string", "description": description });
        // A value that does not depend on the event is constant.
        if other.get(name) == Some(value) {
            schema["const"] = value.as_str().into();
        }
        properties.insert((*name).to_owned(), schema);
    }
    properties.insert(sent_again.to_owned(), json!({ "type": "string", "description": SENT_AGAIN }));
    let required: Vec<_> = HEADERS.iter().map(|(name, _)| name).filter(|name| other.contains_key(*name)).collect();
    Ok(json!({ "type": "object", "properties": properties, "required": required }))
}

/// The headers of an event whose variable parts are all `mark`.
fn headers_of(mark: &str, event: &str, traced: bool) -> BTreeMap<&'static str, String> {
    let envelope = Envelope {
        id: mark.to_owned(),
        source: mark.to_owned(),
        kind: event.to_owned(),
        subject: mark.to_owned(),
        time: Timestamp::from_micros(mark.parse().unwrap_or_default()),
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").filter(|_| traced),
        data: String::new(),
    };
    envelope.headers().into_iter().map(|(name, value)| (name, value.into_owned())).collect()
}

fn operations(fleet: &Fleet) -> Map<String, Value> {
    let mut operations = Map::new();
    for Published { context, events } in fleet.published {
        let summary = format!("{context} tells what happened.");
        operations.insert(format!("{context}.tell"), operation("send", context, context, &summary, events.keys()));
    }
    for ConsumerContract { reader, reads, .. } in fleet.readers {
        for (context, events) in reads {
            let summary = format!("{reader} reacts to what {context} tells.");
            let read = operation("receive", reader, context, &summary, events.keys());
            operations.insert(format!("{reader}.hear.{context}"), read);
        }
        let (channel, summary) =
            (format!("{reader}.dead-letters"), format!("{reader} lays aside what it cannot handle."));
        let events = fleet.dead_letters.events.keys();
        operations.insert(format!("{reader}.layAside"), operation("send", reader, &channel, &summary, events));
    }
    operations
}

fn operation<'a>(
    action: &str,
    context: &str,
    channel: &str,
    summary: &str,
    events: impl Iterator<Item = &'a String>,
) -> Value {
    let channel = format!("#/channels/{channel}");
    let messages: Vec<Value> = events.map(|event| reference(&format!("{channel}/messages/{event}"))).collect();
    json!({
        "action": action,
        "channel": reference(&channel),
        "summary": summary,
        "tags": [{ "name": context }],
        "messages": messages,
    })
}

fn reference(to: &str) -> Value {
    json!({ "$ref": to })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn producers_and_consumers_are_in_the_document_with_headers_and_key() {
        let schema = |text: &str| Schema::try_from(json!({ "type": "object", "description": text })).unwrap();
        let published = |context: &str, event: &str| Published {
            context: context.to_owned(),
            events: [(event.to_owned(), schema("It did."))].into(),
        };
        let reads = "[weather.Rained]\nmillimetres = \"integer\"";
        let fleet = Fleet {
            name: "garden",
            title: "The garden",
            description: "It grows",
            version: "1",
            key: "the place",
            published: &[published("weather", "Rained")],
            dead_letters: &published("dead-letters", "Dead"),
            sent_again: "again-for",
            readers: &[ConsumerContract::parse("gardener", Path::new("reads.toml"), reads).unwrap()],
        };
        let document = document(&fleet).unwrap();
        assert_eq!(document["channels"]["weather"]["address"], "{fleet}.weather");
        assert_eq!(document["channels"]["gardener.dead-letters"]["address"], "{fleet}.gardener.dead-letters");
        let action = |operation: &str| {
            (
                document["operations"][operation]["action"].clone(),
                document["operations"][operation]["messages"][0]["$ref"].clone(),
            )
        };
        assert_eq!(action("weather.tell"), (json!("send"), json!("#/channels/weather/messages/Rained")));
        assert_eq!(action("gardener.hear.weather"), (json!("receive"), json!("#/channels/weather/messages/Rained")));
        assert_eq!(
            action("gardener.layAside"),
            (json!("send"), json!("#/channels/gardener.dead-letters/messages/Dead"))
        );
        let message = &document["components"]["messages"]["Rained"];
        assert_eq!(message["payload"]["$ref"], "./events/weather/Rained.json");
        assert_eq!(message["bindings"]["kafka"]["key"]["description"], "the place");
        let headers = &message["headers"];
        assert_eq!(headers["properties"]["ce_specversion"]["const"], "1.0");
        assert_eq!(headers["properties"]["ce_type"]["const"], "Rained");
        assert_eq!(headers["properties"]["ce_id"].get("const"), None);
        let required =
            json!(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "content-type"]);
        assert_eq!(headers["required"], required);
    }
}
