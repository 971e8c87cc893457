use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::dialect::{incoming, list};
use crate::{Column, Dialect, Tx};

/// A table with one row for each business case, read and written many rows at a time.
///
/// This is how a consumer takes a batch of events: lock the rows they concern, fold the events in, write them back. Rows
/// are locked in the order of their keys, so two batches wait for each other but never in a circle.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The primary key, a BIGINT.
    pub key: &'static str,
    /// All columns with the key; the row types have fields of these names.
    pub columns: &'static [(&'static str, Column)],
}

impl Table {
    /// Locks the rows of these keys that exist.
    pub async fn lock<R>(&self, tx: &mut Tx, dialect: Dialect, keys: &[i64]) -> Result<Vec<R>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let (name, key, columns) = (self.name, self.key, self.names());
        let rows = dialect.rows(&[(key, Column::Number)]);
        let lock = dialect.for_update();
        let sql =
            format!("SELECT {columns} FROM {name} WHERE {key} IN (SELECT {key} FROM {rows}) ORDER BY {key}{lock}");
        sqlx::query_as(AssertSqlSafe(sql)).bind(self.keys(keys)?).fetch_all(&mut **tx).await
    }

    /// Locks the rows of these keys; those that do not exist are made first, with their columns' defaults.
    ///
    /// Making them first lets two batches that both begin a case meet on its row, instead of one undoing the other.
    pub async fn lock_or_insert<R>(&self, tx: &mut Tx, dialect: Dialect, keys: &[i64]) -> Result<Vec<R>, sqlx::Error>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let (name, key) = (self.name, self.key);
        let rows = dialect.rows(&[(key, Column::Number)]);
        let sql = format!(
            "INSERT INTO {name} ({key}) SELECT {key} FROM {rows} WHERE true ORDER BY {key} ON CONFLICT ({key}) DO NOTHING"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(self.keys(keys)?).execute(&mut **tx).await?;
        self.lock(tx, dialect, keys).await
    }

    /// Writes rows, which must be locked, whole.
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

    /// The names of all columns, for a statement. A replica that goes on while a later one adds a column would stumble over
    /// `*`: `PostgreSQL` refuses a prepared statement whose result has changed.
    pub fn names(&self) -> String {
        list(self.columns, |text, name, _| text.push_str(name))
    }

    fn keys(&self, keys: &[i64]) -> Result<String, sqlx::Error> {
        incoming(&keys.iter().map(|key| std::collections::BTreeMap::from([(self.key, key)])).collect::<Vec<_>>())
    }
}
