//! The replay id of a store: part of the name of its consumer group. A new id has a new group, which consumes the topics from
//! their beginning. The table calls it `generation`.

use ambient::Ids;
use store::{Store, Tx};

/// The replay id of the store; a new store gets one now.
pub(crate) async fn replay_id(store: &Store, ids: &Ids) -> Result<String, sqlx::Error> {
    if let Some(id) = current_replay_id(store).await? {
        return Ok(id);
    }
    let sql = "INSERT INTO consumer_generation (id, generation) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    sqlx::query(sql).bind(new_replay_id(ids)).execute(store.writer()).await?;
    current_replay_id(store).await?.ok_or(sqlx::Error::RowNotFound)
}

pub(crate) async fn current_replay_id(store: &Store) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT generation FROM consumer_generation").fetch_optional(store.reader()).await
}

/// Gives the store a new replay id, and empties the inbox: all events are applied again.
pub(crate) async fn begin_replay(tx: &mut Tx, ids: &Ids) -> Result<String, sqlx::Error> {
    let id = new_replay_id(ids);
    sqlx::query("DELETE FROM inbox").execute(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO consumer_generation (id, generation) VALUES (1, $1) \
         ON CONFLICT (id) DO UPDATE SET generation = excluded.generation",
    )
    .bind(&id)
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// An id that no other store has.
fn new_replay_id(ids: &Ids) -> String {
    ids.uuid().simple().to_string()
}
