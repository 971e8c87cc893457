use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::MigrateDatabase;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Transaction};
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::{Config, Dialect, Lead, Migrations, OpenError, Wake, is_transient, migrate};

/// A transaction. What is not committed when it is dropped has not happened.
pub type Tx = Transaction<'static, Any>;

/// A connection that has been idle for longer is asked whether it still lives before it is used again.
const ASK_AFTER_IDLE: Duration = Duration::from_secs(1);

/// How long `SQLite` waits for another process that writes.
const SQLITE_BUSY_MS: u32 = 5_000;

/// An open store, with its schema up to date.
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
    /// Opens the store and brings its schema up to date. Waits for one that does not answer yet.
    pub async fn open(config: &Config, migrations: &[Migrations]) -> Result<Self, OpenError> {
        let deadline = Instant::now() + config.store_start_limit;
        let mut pause = Duration::from_millis(100);
        loop {
            match Self::open_now(config, migrations).await {
                Err(OpenError::Unavailable(error)) if is_transient(&error) && Instant::now() + pause < deadline => {
                    tracing::warn!(%error, "the store does not answer yet");
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
        // Before the driver, which does not tell a folder that cannot be written from a store that is away.
        let _alone = match file {
            Some(file) => Some(migrate::lock_beside(file).await?),
            None => None,
        };
        // Waits here would hide that the store is away; the pools come after it has answered.
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

    /// Which store it is.
    pub fn dialect(&self) -> Dialect {
        self.inner.address.dialect
    }

    /// For single statements that only read.
    pub fn reader(&self) -> &AnyPool {
        &self.inner.readers
    }

    /// For single statements that write: each is a transaction of its own.
    pub fn writer(&self) -> &AnyPool {
        &self.inner.writer
    }

    /// Begins a transaction that will write. Nothing that waits for another machine belongs into it.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        match self.inner.address.dialect {
            Dialect::Postgres => self.inner.writer.begin().await,
            // A transaction that reads first and writes later would be refused if another process wrote in between.
            Dialect::Sqlite => self.inner.writer.begin_with("BEGIN IMMEDIATE").await,
        }
    }

    /// Whether the store answers: a condition for being ready.
    pub fn readiness(&self) -> impl Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static {
        let readers = self.reader().clone();
        move || {
            let readers = readers.clone();
            Box::pin(async move {
                let answered = sqlx::query("SELECT 1").execute(&readers).await;
                answered.map(drop).map_err(|error| error.to_string())
            })
        }
    }

    /// Tries to become the one among all processes on this store that does `task`. `None`: another one does it.
    pub async fn try_lead(&self, task: &'static str) -> Result<Option<Lead>, sqlx::Error> {
        match &self.inner.address.file {
            None => Lead::on_server(&self.inner.address.url, task).await,
            Some(file) => Lead::on_file(file, task, self.writer()),
        }
    }

    /// A signal named `channel` to every process on this store.
    pub fn wake(&self, channel: &'static str) -> Wake {
        let server = self.inner.address.file.is_none().then(|| self.inner.address.clone());
        Wake::new(channel, server, self.writer().clone())
    }
}

/// Creates a `PostgreSQL` database that does not exist yet; a `SQLite` file comes into being when it is opened.
pub async fn create_database(url: &str) -> Result<(), OpenError> {
    install_drivers();
    let Address { dialect, url, .. } = Address::of(url)?;
    if dialect == Dialect::Sqlite || Any::database_exists(&url).await.map_err(OpenError::Unavailable)? {
        return Ok(());
    }
    match Any::create_database(&url).await {
        // Another process was quicker.
        Err(_) if Any::database_exists(&url).await.unwrap_or(false) => Ok(()),
        outcome => outcome.map_err(OpenError::Unavailable),
    }
}

static DRIVERS: Once = Once::new();

/// Other drivers than sqlx's own, for simulations. `install` calls `sqlx::any::install_drivers`; it does nothing once a
/// store was opened in this process.
pub fn use_drivers(install: fn()) {
    DRIVERS.call_once(install);
}

/// Makes sqlx ready to open any of the stores. Whoever opens a [`Store`] need not call it.
pub fn install_drivers() {
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

fn pool(config: &Config, dialect: Dialect, connections: u32, url: &str) -> Result<AnyPool, OpenError> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.store_acquire_limit)
        // A round trip per use is too dear; after a pause it is cheap, and finds a store that was restarted.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| Box::pin(async move { Ok(is_usable(connection, &meta).await) }))
        .after_connect(move |connection, _| Box::pin(prepare(connection, dialect)))
        .connect_lazy(url)
        .map_err(OpenError::Unavailable)
}

/// Whether a connection of the pool can be used again; one that cannot is closed, and another is opened.
///
/// `SQLite` ends a transaction by itself when the disk is full or fails (<https://www.sqlite.org/lang_transaction.html>).
/// The driver's rollback then finds none, and the driver believes for ever that it is inside of one.
async fn is_usable(connection: &mut AnyConnection, meta: &PoolConnectionMetadata) -> bool {
    !connection.is_in_transaction() && (meta.idle_for < ASK_AFTER_IDLE || connection.ping().await.is_ok())
}

async fn prepare(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    if dialect == Dialect::Sqlite {
        // FULL: a commit that was answered survives a power cut, not only a crash.
        let settings = format!(
            "PRAGMA busy_timeout = {SQLITE_BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(settings)).execute(connection).await?;
    }
    Ok(())
}
