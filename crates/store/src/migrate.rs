use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::migrate::{Migration, Migrator};
use tokio::time::sleep;

use crate::sqlite_file;
use crate::{Dialect, OpenError};

/// The interval between attempts to lock a file.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Schema migrations: forward only, immutable once they have been applied.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// For `PostgreSQL`.
    pub postgres: &'static Migrator,
    /// For `SQLite`: the same as for `PostgreSQL` if the text is portable.
    pub sqlite: &'static Migrator,
}

impl Migrations {
    /// One text for both stores.
    pub const fn portable(migrator: &'static Migrator) -> Self {
        Self { postgres: migrator, sqlite: migrator }
    }

    fn of(&self, dialect: Dialect) -> &'static Migrator {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
    }
}

/// Applies the pending migrations. Concurrent processes wait for each other.
///
/// sqlx locks `PostgreSQL` (advisory lock), but not `SQLite`: there the caller holds [`lock`].
pub(crate) async fn run(
    connection: &mut AnyConnection,
    dialect: Dialect,
    sets: &[Migrations],
) -> Result<(), OpenError> {
    let steps: Vec<Migration> = sets.iter().flat_map(|set| set.of(dialect).iter().cloned()).collect();
    Ok(Migrator::with_migrations(steps).run(connection).await?)
}

/// Creates the file of a database and waits for the lock of its migrations. The lock ends with the handle, or with the
/// process.
pub(crate) async fn lock(file: &Path) -> Result<File, OpenError> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let outcome = async {
        sqlite_file::create(file)?;
        let lock = sqlite_file::lock_file(file, "migrate")?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) => sleep(LOCK_POLL_INTERVAL).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    };
    outcome.await.map_err(|error| OpenError::Folder(folder.display().to_string(), error))
}
