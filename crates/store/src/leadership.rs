use std::fs::{File, TryLockError};
use std::path::Path;

use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection};

use crate::sqlite_file;

/// Leadership of a task among the processes on one store. It ends when it is dropped, or with the process.
///
/// On `PostgreSQL` it is an advisory lock of a connection, which also runs the statements of the task: if the
/// connection is lost, another process may take over, and the statements of the former leader fail. On `SQLite` it is a
/// locked file beside the database.
#[derive(Debug)]
pub struct Leadership(Lock);

#[derive(Debug)]
enum Lock {
    Server(AnyConnection),
    File { _lock: File, writer: AnyPool },
}

/// A connection for the statements of the task.
#[derive(Debug)]
pub enum Session<'a> {
    /// The connection that holds the lock.
    Own(&'a mut AnyConnection),
    /// A connection of the writer pool.
    Pooled(PoolConnection<Any>),
}

impl Leadership {
    /// Processes that are not the leader try again every second. So they look at the lock through a connection of the pool, and open
    /// one of their own only if it is free.
    pub(crate) async fn on_server(pool: &AnyPool, url: &str, task: &'static str) -> Result<Option<Self>, sqlx::Error> {
        // The lock of a transaction ends with this statement.
        let sql = "SELECT CASE WHEN pg_try_advisory_xact_lock(hashtext($1)) THEN 1 ELSE 0 END";
        let free: i32 = sqlx::query_scalar(sql).bind(task).fetch_one(pool).await?;
        if free == 0 {
            return Ok(None);
        }
        let mut connection = AnyConnection::connect(url).await?;
        let sql = "SELECT CASE WHEN pg_try_advisory_lock(hashtext($1)) THEN 1 ELSE 0 END";
        let locked: i32 = sqlx::query_scalar(sql).bind(task).fetch_one(&mut connection).await?;
        Ok((locked == 1).then_some(Self(Lock::Server(connection))))
    }

    pub(crate) fn on_file(file: &Path, task: &str, writer: &AnyPool) -> Result<Option<Self>, sqlx::Error> {
        let lock = sqlite_file::lock_file(file, task)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self(Lock::File { _lock: lock, writer: writer.clone() }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// A connection that only the leader has.
    pub async fn session(&mut self) -> Result<Session<'_>, sqlx::Error> {
        match &mut self.0 {
            Lock::Server(connection) => Ok(Session::Own(connection)),
            Lock::File { writer, .. } => writer.acquire().await.map(Session::Pooled),
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
