use std::sync::Arc;
use std::time::Duration;

use ambient::Ids;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chassis::RequireOperator;
use chassis::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::status::{StatusSource, status};
use crate::inbound::replay::begin_replay;
use crate::outbound::refused;
use crate::{EventHandler, Outbox, RefusedEvent, Status};

/// The parts of a context's messaging that its operators work on.
pub(crate) struct OperatorState<P> {
    pub(crate) source: StatusSource,
    pub(crate) outbox: Outbox,
    pub(crate) ids: Arc<Ids>,
    pub(crate) policies: Arc<P>,
}

/// The body of a request to put refused events back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutBack {
    event_ids: Vec<String>,
}

/// The routes for operators of the context. The gateway does not route them.
pub(crate) fn routes<P: EventHandler>(state: OperatorState<P>) -> Router {
    Router::new()
        .route("/messaging", get(show::<P>))
        .route("/messaging/rebuild", post(rebuild::<P>))
        .route("/messaging/refused", get(list_refused::<P>).post(put_back::<P>))
        .with_state(Arc::new(state))
}

async fn show<P: EventHandler>(
    _: RequireOperator,
    State(state): State<Arc<OperatorState<P>>>,
) -> Result<Json<Status>, Problem> {
    status(&state.source).await.map(Json).map_err(|error| unavailable(&error))
}

/// The events that the broker rejects permanently, oldest first.
async fn list_refused<P: EventHandler>(
    _: RequireOperator,
    State(state): State<Arc<OperatorState<P>>>,
) -> Result<Json<Vec<RefusedEvent>>, Problem> {
    refused::list(&state.source.store).await.map(Json).map_err(|error| unavailable(&error))
}

/// Puts refused events back into the outbox: `{"eventIds": […]}`.
async fn put_back<P: EventHandler>(
    _: RequireOperator,
    State(state): State<Arc<OperatorState<P>>>,
    chosen: Result<Json<PutBack>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(PutBack { event_ids }) =
        chosen.map_err(|_| Problem::bad_request("the body must be JSON, such as {\"eventIds\": [\"0196…\"]}"))?;
    let back = refused::put_back(&state.source.store, &event_ids).await.map_err(|error| unavailable(&error))?;
    state.outbox.wake().signal();
    tracing::info!(events = back, "refused events are put back into the outbox");
    Ok(Json(json!({ "putBack": back })))
}

/// Empties the view and begins a replay: a new consumer group consumes the topics from their beginning.
async fn rebuild<P: EventHandler>(
    _: RequireOperator,
    State(state): State<Arc<OperatorState<P>>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    match rebuild_view(&state).await {
        Ok(Some(generation)) => Ok((StatusCode::ACCEPTED, Json(json!({ "generation": generation })))),
        Ok(None) => Err(Problem::conflict("this context is no view: its state does not come from events alone")),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Returns the id of the replay; `None` if the context is no view.
async fn rebuild_view<P: EventHandler>(state: &OperatorState<P>) -> Result<Option<String>, sqlx::Error> {
    let mut tx = state.source.store.begin().await?;
    if !state.policies.clear(&mut tx).await? {
        return Ok(None);
    }
    let generation = begin_replay(&mut tx, &state.ids).await?;
    tx.commit().await?;
    tracing::info!(generation, "the view is rebuilt from the topics");
    Ok(Some(generation))
}

fn unavailable(error: &sqlx::Error) -> Problem {
    tracing::warn!(%error, "the store failed");
    Problem::unavailable("the store is unavailable", Duration::from_secs(1))
}
