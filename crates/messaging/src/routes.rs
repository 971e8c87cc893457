use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chassis::OnlyOperators;
use chassis::problem::Problem;
use serde_json::{Value, json};

use crate::consumer::new_generation;
use crate::status::status;
use crate::{Messaging, Policies, Status};

struct Operated<P> {
    messaging: Arc<Messaging>,
    policies: Arc<P>,
}

/// What whoever operates the context may ask and do. No gateway routes it.
pub(crate) fn routes<P: Policies>(messaging: Arc<Messaging>, policies: Arc<P>) -> Router {
    Router::new()
        .route("/messaging", get(show::<P>))
        .route("/messaging/rebuild", post(rebuild::<P>))
        .with_state(Arc::new(Operated { messaging, policies }))
}

async fn show<P: Policies>(
    _: OnlyOperators,
    State(operated): State<Arc<Operated<P>>>,
) -> Result<Json<Status>, Problem> {
    status(&operated.messaging).await.map(Json).map_err(|error| unavailable(&error))
}

/// Empties the view and begins a new generation, whose consumer group reads the topics from their beginning.
async fn rebuild<P: Policies>(
    _: OnlyOperators,
    State(operated): State<Arc<Operated<P>>>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    match begin_generation(&operated).await {
        Ok(Some(generation)) => Ok((StatusCode::ACCEPTED, Json(json!({ "generation": generation })))),
        Ok(None) => Err(Problem::conflict("this context is no view: its state does not come from events alone")),
        Err(error) => Err(unavailable(&error)),
    }
}

async fn begin_generation<P: Policies>(operated: &Operated<P>) -> Result<Option<String>, sqlx::Error> {
    let messaging = &operated.messaging;
    let generation = new_generation(&messaging.ids);
    let mut tx = messaging.store.begin().await?;
    if !operated.policies.clear(&mut tx).await? {
        return Ok(None);
    }
    sqlx::query("DELETE FROM inbox").execute(&mut *tx).await?;
    sqlx::query(
        "INSERT INTO consumer_generation (id, generation) VALUES (1, $1) \
         ON CONFLICT (id) DO UPDATE SET generation = excluded.generation",
    )
    .bind(&generation)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    tracing::info!(generation, "the view is rebuilt from the topics");
    Ok(Some(generation))
}

fn unavailable(error: &sqlx::Error) -> Problem {
    tracing::warn!(%error, "the store");
    Problem::unavailable("the store does not answer", Duration::from_secs(1))
}
