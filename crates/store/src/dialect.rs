use std::fmt::Write as _;

use serde::Serialize;

/// The kind of store, for the few parts of SQL where the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `PostgreSQL`, 13 or later.
    Postgres,
    /// `SQLite`, 3.38 or later (the bundled one).
    Sqlite,
}

/// The type of a column in [`Dialect::rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// BIGINT.
    Number,
    /// TEXT.
    Text,
}

impl Dialect {
    /// A table expression named `incoming` over `$1`, a JSON array of objects.
    ///
    /// One parameter holds any number of rows, so the text of the statement stays the same and its plan is cached.
    pub fn rows(self, columns: &[(&str, Column)]) -> String {
        match self {
            Self::Postgres => {
                let typed = list(columns, |text, name, column| {
                    let kind = if column == Column::Number { "BIGINT" } else { "TEXT" };
                    let _ = write!(text, "\"{name}\" {kind}");
                });
                format!("json_to_recordset(CAST($1 AS json)) AS incoming({typed})")
            }
            Self::Sqlite => {
                let read = list(columns, |text, name, _| {
                    let _ = write!(text, "value ->> '{name}' AS \"{name}\"");
                });
                format!("(SELECT {read} FROM json_each($1)) AS incoming")
            }
        }
    }

    /// The end of a SELECT that locks its rows until the end of the transaction.
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Postgres => " FOR UPDATE",
            // BEGIN IMMEDIATE has locked the whole file already.
            Self::Sqlite => "",
        }
    }
}

/// The value of `$1` in [`Dialect::rows`]: all rows as one parameter.
pub fn incoming<R: Serialize>(rows: &[R]) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Calls `write` for each column, and separates the results by commas.
pub(crate) fn list(columns: &[(&str, Column)], write: impl Fn(&mut String, &str, Column)) -> String {
    let mut text = String::new();
    for (name, column) in columns {
        if !text.is_empty() {
            text.push_str(", ");
        }
        write(&mut text, name, *column);
    }
    text
}
