use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateDatabase;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Transaction};
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::{Config, Dialect, Leadership, Migrations, OpenError, Wake, is_transient, migrate};

/// A transaction. Rolled back when it is dropped without a commit.
pub type Tx = Transaction<'static, Any>;

/// Connections that were idle for longer are pinged before use.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// Time that `SQLite` waits for a writing process, in milliseconds.
const SQLITE_BUSY_MS: u32 = 5_000;

/// An open store with an up-to-date schema.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    readers: AnyPool,
    writer: AnyPool,
}

impl Store {
    /// Opens the store and applies the pending migrations. Retries for `store_start_limit` while the store does not
    /// respond.
    pub async fn open(config: &Config, migrations: &[Migrations]) -> Result<Self, OpenError> {
        let deadline = Instant::now() + config.store_start_limit;
        let mut pause = Duration::from_millis(100);
        loop {
            match Self::open_now(config, migrations).await {
                Err(OpenError::Unavailable(error)) if is_transient(&error) && Instant::now() + pause < deadline => {
                    tracing::warn!(%error, "the store is unavailable yet");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                outcome => return outcome,
            }
        }
    }

    async fn open_now(config: &Config, migrations: &[Migrations]) -> Result<Self, OpenError> {
        install_drivers();
        let address = Address::configured(config)?;
        let Address { dialect, url, file } = &address;
        let dialect = *dialect;
        // Before the driver, whose error for an unwritable folder is that of an unavailable store.
        let _migration_lock = match file {
            Some(file) => Some(migrate::lock(file).await?),
            None => None,
        };
        // A pool would retry and hide that the store is unavailable: the pools are created after the first connection.
        let mut first = AnyConnection::connect(url).await.map_err(OpenError::Unavailable)?;
        prepare(&mut first, dialect).await.map_err(OpenError::Unavailable)?;
        migrate::run(&mut first, dialect, migrations).await?;
        first.close().await.map_err(OpenError::Unavailable)?;

        let readers = pool(config, dialect, config.store_connections, url)?;
        let writer = match dialect {
            Dialect::Postgres => readers.clone(),
            Dialect::Sqlite => pool(config, dialect, 1, url)?,
        };
        Ok(Self { inner: Arc::new(Inner { address, readers, writer }) })
    }

    /// The kind of store.
    pub fn dialect(&self) -> Dialect {
        self.inner.address.dialect
    }

    /// The pool for single read-only statements.
    pub fn reader(&self) -> &AnyPool {
        &self.inner.readers
    }

    /// The pool for single writing statements, each in a transaction of its own.
    pub fn writer(&self) -> &AnyPool {
        &self.inner.writer
    }

    /// Begins a writing transaction. It must not wait for other machines.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self.inner.address.dialect {
            Dialect::Postgres => self.inner.writer.begin().await,
            // A deferred transaction that reads first fails on its first write if another process wrote in between.
            Dialect::Sqlite => self.inner.writer.begin_with("BEGIN IMMEDIATE").await,
        }
    }

    /// A readiness check: whether the store responds.
    pub fn readiness(&self) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static {
        let readers = self.reader().clone();
        move || {
            let readers = readers.clone();
            Box::pin(async move {
                let result = sqlx::query("SELECT 1").execute(&readers).await;
                result.map(drop).map_err(|error| error.to_string())
            })
        }
    }

    /// Tries to become the leader for `task` among the processes on this store. `None` if another one is.
    pub async fn try_acquire_leadership(&self, task: &'static str) -> Result<Option<Leadership>, sqlx::Error> {
        match &self.inner.address.file {
            None => Leadership::on_server(self.writer(), &self.inner.address.url, task).await,
            Some(file) => Leadership::on_file(file, task, self.writer()),
        }
    }

    /// A signal named `channel` between the processes on this store.
    pub fn wake(&self, channel: &'static str) -> Wake {
        let server = self.inner.address.file.is_none().then(|| self.inner.address.clone());
        Wake::new(channel, server, self.writer().clone())
    }
}

/// Creates a `PostgreSQL` database that does not exist yet. A `SQLite` file is created when it is opened.
pub async fn create_database(url: &str) -> Result<(), OpenError> {
    install_drivers();
    let Address { dialect, url, .. } = Address::parse(url)?;
    if dialect == Dialect::Sqlite || Any::database_exists(&url).await.map_err(OpenError::Unavailable)? {
        return Ok(());
    }
    match Any::create_database(&url).await {
        // Another process has created it.
        Err(_) if Any::database_exists(&url).await.unwrap_or(false) => Ok(()),
        outcome => outcome.map_err(OpenError::Unavailable),
    }
}

static DRIVERS: Once = Once::new();

/// Replaces the drivers of sqlx, for simulations. `install` must call `sqlx::any::install_drivers`. No effect once a
/// store was opened in this process.
pub fn use_drivers(install: fn()) {
    DRIVERS.call_once(install);
}

/// Installs the drivers of sqlx. Opening a [`Store`] does this too.
pub fn install_drivers() {
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

fn pool(config: &Config, dialect: Dialect, connections: u32, url: &str) -> Result<AnyPool, OpenError> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.store_acquire_limit)
        // A round trip per use would be expensive; after a pause it is cheap, and detects a restarted store.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| Box::pin(async move { Ok(is_usable(connection, &meta).await) }))
        .after_connect(move |connection, _| Box::pin(prepare(connection, dialect)))
        .connect_lazy(url)
        .map_err(OpenError::Unavailable)
}

/// Whether a pooled connection can be used again. If not, it is closed and replaced.
///
/// `SQLite` ends a transaction by itself when the disk is full or fails
/// (<https://www.sqlite.org/lang_transaction.html>). The rollback of the driver then fails, and the driver considers
/// itself in a transaction forever.
async fn is_usable(connection: &mut AnyConnection, meta: &PoolConnectionMetadata) -> bool {
    !connection.is_in_transaction() && (meta.idle_for < PING_AFTER_IDLE || connection.ping().await.is_ok())
}

async fn prepare(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    if dialect == Dialect::Sqlite {
        // FULL: an acknowledged commit survives a power failure, not only a crash.
        // MEMORY: a large statement needs a temporary file else, and a container may have no folder that it can write to.
        let settings = format!(
            "PRAGMA busy_timeout = {SQLITE_BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
    }
    Ok(())
}
