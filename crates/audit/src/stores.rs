use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _, ValueRef as _};
use tokio::time::timeout;

use crate::{Context, Fields, Table};

/// How long a store may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Context and table.
type TableName = (&'static str, &'static str);

/// Context, table and column.
type ColumnName = (&'static str, &'static str, &'static str);

/// The rows of all tables, and the events in all outboxes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stores {
    tables: BTreeMap<TableName, BTreeMap<i64, Vec<Fields>>>,
    references: BTreeMap<ColumnName, BTreeMap<i64, Vec<Fields>>>,
    /// The events that are not published yet, by context.
    pub outboxes: BTreeMap<String, Vec<Waiting>>,
}

/// An event that its context has stored and not yet published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The case; 0 if the subject is no number.
    pub case: i64,
    /// The event's type.
    pub kind: String,
    /// The event's id.
    pub event_id: String,
}

/// Why a store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is unreachable, or a query fails.
    #[error("the store of {context} cannot be read: {source}")]
    Unreadable {
        /// The context.
        context: String,
        /// The cause.
        source: sqlx::Error,
    },
    /// The URL is invalid.
    #[error("the store of {context}: {source}")]
    Url {
        /// The context.
        context: String,
        /// The cause.
        source: store::OpenError,
    },
    /// No URL is given.
    #[error("no URL is given for the store of {0}")]
    Unknown(String),
    /// It takes too long to accept a connection.
    #[error("the store of {0} does not respond")]
    Timeout(String),
    /// A table does not exist.
    #[error("the store of {context} cannot be read: it has no table {table}")]
    Table {
        /// The context.
        context: &'static str,
        /// The table.
        table: &'static str,
    },
    /// A row of a table does not name its case.
    #[error("the store of {context} cannot be read: a row of {table} has no number in {key}")]
    Key {
        /// The context.
        context: &'static str,
        /// The table.
        table: &'static str,
        /// The column.
        key: &'static str,
    },
}

impl Stores {
    /// Reads the stores of all contexts, given their URLs.
    pub async fn read(contexts: &[Context], urls: &BTreeMap<String, String>) -> Result<Self, StoreError> {
        let mut stores = Self::default();
        for Context { name, tables, .. } in contexts {
            let url = urls.get(*name).ok_or_else(|| StoreError::Unknown((*name).to_owned()))?;
            let mut source = Source::open(name, url).await?;
            for table in *tables {
                for row in source.rows(table).await? {
                    stores.add(table, row)?;
                }
            }
            stores.outboxes.insert((*name).to_owned(), source.waiting().await?);
        }
        Ok(stores)
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// If the row does not name its case.
    pub fn add(&mut self, table: &Table, row: Fields) -> Result<(), StoreError> {
        let row = row.without(table.personal);
        let Table { context, name, key, .. } = *table;
        for column in table.references {
            if let Some(id) = row.i64(column) {
                let rows = self.references.entry((context, name, column)).or_default();
                rows.entry(id).or_default().push(row.clone());
            }
        }
        let id = row.i64(key).ok_or(StoreError::Key { context, table: name, key })?;
        self.tables.entry(table_name(table)).or_default().entry(id).or_default().push(row);
        Ok(())
    }

    /// The rows of a table about a case.
    pub fn rows(&self, table: &Table, id: i64) -> &[Fields] {
        self.tables.get(&table_name(table)).and_then(|rows| rows.get(&id)).map_or(&[], Vec::as_slice)
    }

    /// The rows of a table whose column names a case.
    pub(crate) fn rows_referring_by(&self, table: &Table, column: &'static str, id: i64) -> &[Fields] {
        let rows = self.references.get(&(table.context, table.name, column)).and_then(|rows| rows.get(&id));
        rows.map_or(&[], Vec::as_slice)
    }

    /// The same, to be changed; empty if there are none.
    pub fn rows_mut(&mut self, table: &Table, id: i64) -> &mut Vec<Fields> {
        self.tables.entry(table_name(table)).or_default().entry(id).or_default()
    }

    /// All rows of a table, in the order of their cases.
    pub fn all(&self, table: &Table) -> impl Iterator<Item = &Fields> {
        self.tables.get(&table_name(table)).into_iter().flat_map(BTreeMap::values).flatten()
    }

    /// The cases that have rows, table by table.
    pub(crate) fn ids(&self) -> impl Iterator<Item = i64> {
        let tables = self.tables.values().flatten();
        tables.filter(|(_, rows)| !rows.is_empty()).map(|(id, _)| *id)
    }
}

const fn table_name(table: &Table) -> TableName {
    (table.context, table.name)
}

/// The kinds of stores, where their SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Postgres,
    Sqlite,
    MariaDb,
}

impl Kind {
    /// The kind of store of a URL, and the URL that its driver expects. Contexts in other languages may have a `MariaDB`.
    fn of(url: &str) -> Result<(Self, String), store::OpenError> {
        if let Some(rest) = url.strip_prefix("mariadb://").or_else(|| url.strip_prefix("mysql://")) {
            return Ok((Self::MariaDb, format!("mysql://{rest}")));
        }
        let url = store::driver_url(url)?;
        Ok((if url.starts_with("sqlite") { Self::Sqlite } else { Self::Postgres }, url))
    }

    const fn quote(self) -> char {
        match self {
            Self::Postgres | Self::Sqlite => '"',
            Self::MariaDb => '`',
        }
    }

    /// The names of the columns of a table.
    const fn columns(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT name FROM pragma_table_info($1)",
            Self::Postgres => {
                "SELECT column_name::TEXT FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = $1"
            }
            Self::MariaDb => {
                "SELECT CAST(column_name AS CHAR) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ?"
            }
        }
    }
}

/// A connection to the store of a context.
struct Source {
    context: String,
    kind: Kind,
    connection: AnyConnection,
}

impl Source {
    async fn open(context: &str, url: &str) -> Result<Self, StoreError> {
        store::install_drivers();
        let invalid = |source| StoreError::Url { context: context.to_owned(), source };
        let (kind, url) = Kind::of(url).map_err(invalid)?;
        let connected = timeout(CONNECT_TIMEOUT, AnyConnection::connect(&url)).await;
        let connected = connected.map_err(|_| StoreError::Timeout(context.to_owned()))?;
        let unreadable = |source| StoreError::Unreadable { context: context.to_owned(), source };
        let connection = connected.map_err(unreadable)?;
        Ok(Self { kind, connection, context: context.to_owned() })
    }

    /// All rows of a table, with all columns that it has.
    async fn rows(&mut self, table: &Table) -> Result<Vec<Fields>, StoreError> {
        let names: Vec<Arc<str>> = self.columns(table).await?.into_iter().map(Arc::from).collect();
        let quote = self.kind.quote();
        let list = names.iter().map(|name| format!("{quote}{name}{quote}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {list} FROM {}", table.name);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        let rows = rows.map_err(|source| self.unreadable(source))?;
        let rows: Result<_, sqlx::Error> = rows.iter().map(|row| fields(row, &names)).collect();
        rows.map_err(|source| self.unreadable(source))
    }

    /// The columns that a table has: a migration may have added some that its declaration does not name.
    async fn columns(&mut self, table: &Table) -> Result<Vec<String>, StoreError> {
        let names: Result<Vec<String>, _> =
            sqlx::query_scalar(self.kind.columns()).bind(table.name).fetch_all(&mut self.connection).await;
        let names = names.map_err(|source| self.unreadable(source))?;
        let Table { context, name, .. } = *table;
        if names.is_empty() { Err(StoreError::Table { context, table: name }) } else { Ok(names) }
    }

    async fn waiting(&mut self) -> Result<Vec<Waiting>, StoreError> {
        let sql = "SELECT subject, kind, event_id FROM outbox ORDER BY seq";
        let rows = sqlx::query_as(sql).fetch_all(&mut self.connection).await;
        let rows: Vec<(String, String, String)> = rows.map_err(|source| self.unreadable(source))?;
        let waiting = |(subject, kind, event_id): (String, String, String)| Waiting {
            case: subject.parse().unwrap_or(0),
            kind,
            event_id,
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    fn unreadable(&self, source: sqlx::Error) -> StoreError {
        StoreError::Unreadable { context: self.context.clone(), source }
    }
}

fn fields(row: &AnyRow, names: &[Arc<str>]) -> Result<Fields, sqlx::Error> {
    let values = (0..row.len()).map(|index| value(row, index));
    names.iter().cloned().zip(values).map(|(name, value)| Ok((name, value?))).collect()
}

fn value(row: &AnyRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().kind() {
        AnyTypeInfoKind::Bool => row.try_get::<bool, _>(index)?.into(),
        AnyTypeInfoKind::Real | AnyTypeInfoKind::Double => row.try_get::<f64, _>(index)?.into(),
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
            row.try_get::<i64, _>(index)?.into()
        }
        _ => row.try_get::<String, _>(index)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_column_is_in_no_row_by_whatever_it_is_found() {
        const BOATS: Table =
            Table::new("quay", "boats", "id").judged(&["berth"]).personal(&["phone"]).referring_by(&["berth"]);
        let mut stores = Stores::default();
        stores.add(&BOATS, crate::fields! { "id": 1, "berth": 7, "phone": "5551234" }).unwrap();
        let kept = [crate::fields! { "id": 1, "berth": 7 }];
        assert_eq!((stores.rows(&BOATS, 1), stores.rows_referring_by(&BOATS, "berth", 7)), (&kept[..], &kept[..]));
    }

    #[test]
    fn the_kind_of_a_store_follows_from_its_url() {
        let kind = |url: &str| Kind::of(url).map(|(kind, url)| (kind, url.starts_with("mysql://"))).ok();
        assert_eq!(kind("mariadb://kim:a@host:3306/boats"), Some((Kind::MariaDb, true)));
        assert_eq!(kind("postgres://kim@host/boats"), Some((Kind::Postgres, false)));
        assert_eq!(kind("sqlite:boats.db"), Some((Kind::Sqlite, false)));
    }
}
