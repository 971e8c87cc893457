use std::time::Duration;

use sqlx::any::{AnyRow, install_default_drivers};
use sqlx::{AnyConnection, Connection as _, FromRow};
use tokio::time::timeout;

/// How long a store may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The store of a context, to be read.
pub struct Source {
    context: String,
    connection: AnyConnection,
}

/// An event that its context has written down and that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The business case; 0 if the subject is no number.
    pub case: i64,
    /// The event's name.
    pub kind: String,
    /// The event's id.
    pub event_id: String,
}

/// Why a store cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, or refuses, or has no such rows.
    #[error("the store of {context} cannot be read: {source}")]
    Unreadable {
        /// Whose store.
        context: String,
        /// Why not.
        source: sqlx::Error,
    },
    /// Nobody said where it is.
    #[error("nobody said where the store of {0} is")]
    Unknown(String),
    /// It takes too long to accept a connection.
    #[error("the store of {0} does not answer")]
    Silent(String),
}

impl Source {
    /// The store of `context` at this URL.
    pub async fn open(context: &str, url: &str) -> Result<Self, StoreError> {
        install_default_drivers();
        let connected = timeout(CONNECT, AnyConnection::connect(url)).await;
        let connected = connected.map_err(|_| StoreError::Silent(context.to_owned()))?;
        let unreadable = |source| StoreError::Unreadable { context: context.to_owned(), source };
        Ok(Self { connection: connected.map_err(unreadable)?, context: context.to_owned() })
    }

    /// The rows that a query gives.
    pub async fn rows<R>(&mut self, sql: &'static str) -> Result<Vec<R>, StoreError>
    where
        R: for<'r> FromRow<'r, AnyRow> + Send + Unpin,
    {
        let rows = sqlx::query_as(sql).fetch_all(&mut self.connection).await;
        rows.map_err(|source| StoreError::Unreadable { context: self.context.clone(), source })
    }

    /// What is not published yet.
    pub async fn waiting(&mut self) -> Result<Vec<Waiting>, StoreError> {
        let rows: Vec<(String, String, String)> =
            self.rows("SELECT subject, kind, event_id FROM outbox ORDER BY seq").await?;
        let waiting = |(subject, kind, event_id): (String, String, String)| Waiting {
            case: subject.parse().unwrap_or(0),
            kind,
            event_id,
        };
        Ok(rows.into_iter().map(waiting).collect())
    }
}
