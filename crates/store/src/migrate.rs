use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use sqlx::AnyConnection;
use sqlx::migrate::{Migration, Migrator};
use tokio::time::sleep;

use crate::{Dialect, OpenError};

/// How long to wait before a lock that another process holds is tried again.
const LOCKED: Duration = Duration::from_millis(20);

/// Steps that bring a schema up to date: forward only, never changed once they have run somewhere.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// For `PostgreSQL`.
    pub postgres: &'static Migrator,
    /// For `SQLite`; the same as for `PostgreSQL` where one text serves both.
    pub sqlite: &'static Migrator,
}

impl Migrations {
    /// One text for both.
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

/// Runs what has not run yet. Several processes may do this at once: they wait for each other.
///
/// `PostgreSQL` is locked by sqlx (an advisory lock); for `SQLite` sqlx has none, so the caller holds [`lock_beside`].
pub(crate) async fn run(
    connection: &mut AnyConnection,
    dialect: Dialect,
    sets: &[Migrations],
) -> Result<(), OpenError> {
    let steps: Vec<Migration> = sets.iter().flat_map(|set| set.of(dialect).iter().cloned()).collect();
    Ok(Migrator::with_migrations(steps).run(connection).await?)
}

/// Makes the folder of a database and waits for the lock file in it. The lock ends with the handle, or with the process.
pub(crate) async fn lock_beside(file: &Path) -> Result<File, OpenError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    let path = file.with_extension("migrate.lock");
    let outcome = async {
        std::fs::create_dir_all(&folder)?;
        let file = File::create(path)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => sleep(LOCKED).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    };
    outcome.await.map_err(|error| OpenError::Folder(folder.display().to_string(), error))
}
