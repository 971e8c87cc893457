//! Numbers of the changes of a table, for clients that follow its rows.
//!
//! A row has the number of its latest change in the column [`COLUMN`]. A transaction takes its numbers under a lock that it
//! keeps until it commits: a change with a number is visible only after all changes with lesser ones. So a reader that has
//! seen a number misses nothing when it reads the greater ones.

use std::collections::BTreeMap;

use ambient::Timestamp;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::{Column, ColumnValue, Dialect, Store, Table, Tx, incoming};

/// The table of the latest numbers.
pub const MIGRATIONS: crate::Migrations = crate::Migrations::portable(&sqlx::migrate!("./changes"));

/// The column of the number: BIGINT.
pub const COLUMN: &str = "change_number";

/// Numbers the changes of these rows, which the transaction has locked and written.
///
/// Numbers begin at the current time, so that they grow even if the store was lost.
pub async fn number<K: ColumnValue>(
    tx: &mut Tx,
    dialect: Dialect,
    table: &Table,
    keys: &[K],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    let sql = "INSERT INTO change_numbers (table_name, latest) VALUES ($1, $2) ON CONFLICT (table_name) DO UPDATE \
               SET latest = CASE WHEN change_numbers.latest < $3 THEN $3 ELSE change_numbers.latest END + $4 \
               RETURNING latest";
    let now = now.as_micros();
    let query = sqlx::query_scalar::<_, i64>(sql).bind(table.name).bind(now + count).bind(now).bind(count);
    let before = query.fetch_one(&mut **tx).await? - count;
    let (name, key) = (table.name, table.key);
    let source = dialect.rows(&[(key, K::COLUMN), (COLUMN, Column::Number)]);
    let sql =
        format!("UPDATE {name} SET {COLUMN} = incoming.{COLUMN} FROM {source} WHERE {name}.{key} = incoming.{key}");
    let rows: Vec<BTreeMap<&str, Value>> = (before + 1..)
        .zip(keys)
        .map(|(number, of)| BTreeMap::from([(key, json!(of.to_stored())), (COLUMN, json!(number))]))
        .collect();
    sqlx::query(AssertSqlSafe(sql)).bind(incoming(&rows)?).execute(&mut **tx).await.map(drop)
}

/// The number of the latest change of a table; 0 before the first one.
pub async fn latest(store: &Store, table: &Table) -> Result<i64, sqlx::Error> {
    let query = sqlx::query_scalar("SELECT latest FROM change_numbers WHERE table_name = $1").bind(table.name);
    Ok(query.fetch_optional(store.reader()).await?.unwrap_or_default())
}
