//! A full disk that gets space again.

use store::sqlx::{self, Any, Pool, query_scalar};
use store::{Store, is_transient};
use test_stores::on_sqlite;

use crate::steps;

const TABLE: (i64, &str) = (1, "CREATE TABLE texts (text TEXT)");
/// More than the pages left by [`fill`].
const LONG: usize = 64 * 1024;

/// Leaves space for a few pages to the connection. Connections opened later have no limit.
async fn fill(writer: &Pool<Any>) {
    let pages: i64 = query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 4))).execute(writer).await.unwrap();
}

async fn write(store: &Store, length: usize) -> Result<(), sqlx::Error> {
    let mut tx = store.begin().await?;
    sqlx::query("INSERT INTO texts (text) VALUES ($1)").bind("x".repeat(length)).execute(&mut *tx).await?;
    tx.commit().await
}

#[test]
fn a_store_whose_disk_was_full_takes_writes_again_once_there_is_room() {
    on_sqlite(async |place| {
        let store = place.open(&[steps(&[TABLE])]).await;
        fill(store.writer()).await;
        let full = write(&store, LONG).await.unwrap_err();
        assert!(is_transient(&full), "{full:?}");

        write(&store, 1).await.unwrap();
        let texts: i64 = query_scalar("SELECT COUNT(*) FROM texts").fetch_one(store.reader()).await.unwrap();
        assert_eq!(texts, 1, "what was not committed has not happened");
    });
}
