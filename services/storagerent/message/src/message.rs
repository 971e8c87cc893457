use ambient::Timestamp;
use chassis::openapi::{date_time, nullable, object, positive, text};
use context::Representation;
use serde_json::{Value, json};
use store::Row;
use utoipa::openapi::schema::ObjectBuilder;

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq, Row)]
#[row(table = "messages", key = "message_id", owner = "customer")]
pub struct Message {
    /// The message.
    pub message_id: i64,
    /// The room that it is about.
    pub storage_id: i64,
    /// The reservation that it is about. A message of a manager has none.
    pub reservation_id: Option<i64>,
    /// The customer whom it is for.
    pub customer: Option<String>,
    /// The text.
    pub content: String,
    /// When a manager wrote it, or when the reservation was confirmed or cancelled.
    pub written_at: Timestamp,
}

/// A message over HTTP.
pub struct MessageDocument;

impl Representation for MessageDocument {
    type Row = Message;
    const NAME: &'static str = "Message";
    const PATH: &'static str = "/messages";
    const REL: &'static str = "messages";
    const TITLE: &'static str = "message";
    const LINKS: &'static [(&'static str, &'static str)] = &[("self", "/messages/{id}")];

    fn of(message: &Message) -> Option<Value> {
        Some(json!({
            "id": message.message_id, "storageId": message.storage_id, "reservationId": message.reservation_id,
            "content": message.content, "writtenAt": message.written_at.to_string(),
        }))
    }

    fn schema() -> ObjectBuilder {
        object("A message about a room.")
            .property("id", positive("The message."))
            .property("storageId", positive("The room."))
            .property("reservationId", nullable(positive("The reservation. Null in a message of a manager.")))
            .property("content", text("The text."))
            .property(
                "writtenAt",
                date_time("When it was written: for a reservation, when that was confirmed or cancelled."),
            )
    }
}
