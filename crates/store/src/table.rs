use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::dialect::{incoming, list};
use crate::{Column, ColumnValue, Dialect, Tx};

/// A table with one row per business case, read and written in batches.
///
/// A consumer locks the rows of a batch of events, applies the events, and writes the rows back. Rows are locked in the
/// order of their keys, so that two batches cannot deadlock.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The name.
    pub name: &'static str,
    /// The primary key.
    pub key: &'static str,
    /// All columns including the key. The row types have fields of these names.
    pub columns: &'static [(&'static str, Column)],
}

impl Table {
    /// Locks the existing rows of these keys.
    pub async fn lock<R, K>(&self, tx: &mut Tx, dialect: Dialect, keys: &[K]) -> Result<Vec<R>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
        K: ColumnValue,
    {
        let (name, key, columns) = (self.name, self.key, self.names());
        let rows = dialect.rows(&[(key, K::COLUMN)]);
        let lock = dialect.for_update();
        let sql =
            format!("SELECT {columns} FROM {name} WHERE {key} IN (SELECT {key} FROM {rows}) ORDER BY {key}{lock}");
        sqlx::query_as(AssertSqlSafe(sql)).bind(self.keys(keys)?).fetch_all(&mut **tx).await
    }

    /// Locks the rows of these keys. Missing rows are inserted first, with the default values of their columns.
    ///
    /// The insert lets two batches with the same new case wait for each other, instead of one failing.
    pub async fn lock_or_insert<R, K>(&self, tx: &mut Tx, dialect: Dialect, keys: &[K]) -> Result<Vec<R>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
        K: ColumnValue,
    {
        let (name, key) = (self.name, self.key);
        let rows = dialect.rows(&[(key, K::COLUMN)]);
        let sql = format!(
            "INSERT INTO {name} ({key}) SELECT {key} FROM {rows} WHERE true ORDER BY {key} ON CONFLICT ({key}) DO NOTHING"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(self.keys(keys)?).execute(&mut **tx).await?;
        self.lock(tx, dialect, keys).await
    }

    /// Writes all columns of these rows. The rows must be locked.
    pub async fn write<R: Serialize>(&self, tx: &mut Tx, dialect: Dialect, rows: &[R]) -> Result<(), sqlx::Error> {
        let (name, key, columns) = (self.name, self.key, self.names());
        let set = list(self.columns, |text, column, _| {
            text.extend([column, " = excluded.", column]);
        });
        let source = dialect.rows(self.columns);
        let sql = format!(
            "INSERT INTO {name} ({columns}) SELECT {columns} FROM {source} WHERE true ON CONFLICT ({key}) DO UPDATE SET {set}"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(rows)?).execute(&mut **tx).await.map(drop)
    }

    /// Updates these columns of existing rows. The rows must be locked. Never inserts a row, and leaves columns alone that
    /// are not listed here.
    pub async fn update<R: Serialize>(&self, tx: &mut Tx, dialect: Dialect, rows: &[R]) -> Result<(), sqlx::Error> {
        let (name, key) = (self.name, self.key);
        let set = list(self.columns, |text, column, _| {
            text.extend([column, " = incoming.", column]);
        });
        let source = dialect.rows(self.columns);
        let sql = format!("UPDATE {name} SET {set} FROM {source} WHERE {name}.{key} = incoming.{key}");
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(rows)?).execute(&mut **tx).await.map(drop)
    }

    /// The column names, for a statement. With `*`, a running replica would fail when a later one adds a column:
    /// `PostgreSQL` rejects a prepared statement whose result type has changed.
    pub fn names(&self) -> String {
        list(self.columns, |text, name, _| text.push_str(name))
    }

    fn keys<K: ColumnValue>(&self, keys: &[K]) -> Result<String, sqlx::Error> {
        incoming(
            &keys.iter().map(|key| std::collections::BTreeMap::from([(self.key, key.to_stored())])).collect::<Vec<_>>(),
        )
    }
}
