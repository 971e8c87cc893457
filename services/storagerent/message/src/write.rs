//! The command: a manager writes a message about a room.

use axum::extract::{FromRef, State};
use axum::response::Response;
use chassis::Principal;
use chassis::body::{Fields, MAX_EXACT, required};
use chassis::openapi::{Responses, number_or_digits, object, text_like};
use chassis::problem::Problem;
use context::{Repository, created, created_or, store_problem};
use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow};
use store::{Row, Store};
use utoipa::openapi::schema::ObjectBuilder;

use crate::message::{Message, MessageDocument};

/// Sees all messages, and writes some.
pub(crate) const MANAGER: &str = "manager";

/// The maximum length of a text in characters.
const MAX_CONTENT: usize = 1000;

/// The state of the handlers.
#[derive(Clone)]
pub struct MessageState {
    /// The messages.
    pub messages: Repository<Message>,
    /// Where they are written.
    pub store: Store,
}

impl FromRef<MessageState> for Repository<Message> {
    fn from_ref(state: &MessageState) -> Self {
        state.messages.clone()
    }
}

/// Handles `POST /messages`.
pub(crate) async fn write(
    State(state): State<MessageState>,
    principal: Principal,
    fields: Fields,
) -> Result<Response, Problem> {
    principal.require_any_role(&[MANAGER])?;
    let content = required(fields.text("content", MAX_CONTENT)?.filter(|text| !text.trim().is_empty()), "content")?;
    let storage_id = required(fields.whole_number("storageId", 1..=MAX_EXACT)?, "storageId")?;
    let message = insert(&state, storage_id, content).await.map_err(store_problem)?;
    created::<MessageDocument>(&message)
}

async fn insert(state: &MessageState, storage_id: i64, content: &str) -> Result<Message, sqlx::Error> {
    let columns = Message::TABLE.names();
    let sql = format!("INSERT INTO messages (storage_id, content, written_at) VALUES ($1, $2, $3) RETURNING {columns}");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(storage_id).bind(content);
    let query = query.bind(state.messages.now().as_micros());
    Message::from_row(&query.fetch_one(state.store.writer()).await?)
}

pub(crate) fn responses() -> Responses {
    created_or::<MessageDocument>([Problem::unprocessable_field("content", "is required")])
}

pub(crate) fn request() -> ObjectBuilder {
    object("A message of a manager about a room.")
        .property(
            "content",
            text_like(r"^[^\x00]*[^\s\x00][^\x00]*$", MAX_CONTENT).description(Some("The text: more than spaces.")),
        )
        .property("storageId", number_or_digits("The room.", MAX_EXACT))
        .examples([json!({ "content": "The lift is out of order.", "storageId": 3 })])
}
