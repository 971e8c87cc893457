use std::fs::{File, TryLockError};
use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection};

/// The proof of being the one process that does a task. It ends when it is dropped, or with the process.
///
/// On `PostgreSQL` it is an advisory lock of a connection of its own, through which the task's statements go too: once
/// that connection is lost, another process may lead, and the statements of the one that lost it fail. On `SQLite` it
/// is a locked file beside the database.
#[derive(Debug)]
pub struct Lead(Held);

#[derive(Debug)]
enum Held {
    Server(AnyConnection),
    File { _lock: File, writer: AnyPool },
}

/// A connection for the statements of the task that is led.
#[derive(Debug)]
pub enum Session<'a> {
    /// The one that holds the lock.
    Own(&'a mut AnyConnection),
    /// The store's writer.
    Pooled(PoolConnection<Any>),
}

impl Lead {
    pub(crate) async fn on_server(url: &str, task: &'static str) -> Result<Option<Self>, sqlx::Error> {
        let mut connection = AnyConnection::connect(url).await?;
        let sql = "SELECT CASE WHEN pg_try_advisory_lock(hashtext($1)) THEN 1 ELSE 0 END";
        let led: i32 = sqlx::query_scalar(sql).bind(task).fetch_one(&mut connection).await?;
        Ok((led == 1).then_some(Self(Held::Server(connection))))
    }

    pub(crate) fn on_file(file: &Path, task: &str, writer: &AnyPool) -> Result<Option<Self>, sqlx::Error> {
        let lock = File::create(file.with_extension(format!("{task}.lock")))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self(Held::File { _lock: lock, writer: writer.clone() }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// A connection that only a leader has.
    pub async fn session(&mut self) -> Result<Session<'_>, sqlx::Error> {
        match &mut self.0 {
            Held::Server(connection) => Ok(Session::Own(connection)),
            Held::File { writer, .. } => writer.acquire().await.map(Session::Pooled),
        }
    }
}

impl std::ops::Deref for Session<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(connection) => connection,
        }
    }
}

impl std::ops::DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pooled(connection) => connection,
        }
    }
}
