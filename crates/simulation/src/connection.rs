use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use either::Either;
use futures_executor::block_on;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx_core::any::{
    Any, AnyArgumentBuffer, AnyArguments, AnyConnectionBackend, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo,
    AnyValueKind,
};
use sqlx_core::connection::ConnectOptions;
use sqlx_core::describe::Describe;
use sqlx_core::migrate::{AppliedMigration, Migrate, MigrateError, Migration};
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr, SqlStr};
use sqlx_core::{Error, Result};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::site::Site;

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// How soon it looks again.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

type Outcome = Either<AnyQueryResult, AnyRow>;

/// A real connection to a real `SQLite` file, at which the simulation stands: each statement takes simulated time, and
/// may be refused, or lose its answer, or be the last thing that its process did.
///
/// `SQLite` works in a thread of its own. Nobody waits for it but by blocking, so that the runtime sees a statement as
/// done at once, and the order of events is the same in each run.
pub(crate) struct SimulatedConnection {
    /// Gone once the connection is broken.
    inner: Option<SqliteConnection>,
    site: Site,
    /// Events that the transaction has found to be new.
    new: Vec<String>,
}

impl fmt::Debug for SimulatedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedConnection").field("site", &self.site).finish_non_exhaustive()
    }
}

fn broken() -> Error {
    Error::Io(io::Error::new(io::ErrorKind::ConnectionReset, "the connection to the simulated store is broken"))
}

fn is_busy(error: &Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// The text in a row's first column.
fn first_text(row: &Outcome) -> Option<String> {
    match &row.as_ref().right()?.values.first()?.kind {
        AnyValueKind::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

impl SimulatedConnection {
    pub(crate) async fn open(url: &Url) -> Result<Self> {
        let site = Site::of(Path::new(url.path()));
        if !site.reach().await {
            return Err(broken());
        }
        let options = SqliteConnectOptions::new().filename(url.path()).create_if_missing(true);
        Ok(Self { inner: Some(block_on(options.connect())?), site, new: Vec::new() })
    }

    /// Does `work` on the connection, at simulated cost and risk. `sql` says what it is.
    async fn run<T: Send>(
        &mut self,
        sql: &str,
        mut work: impl FnMut(&mut SqliteConnection) -> Result<T> + Send,
    ) -> Result<T> {
        if !self.site.before(sql).await {
            self.break_off();
        }
        let deadline = Instant::now() + BUSY;
        let done = loop {
            match work(self.inner.as_mut().ok_or_else(broken)?) {
                Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
                done => break done,
            }
        };
        if !self.site.after(sql).await {
            self.break_off();
            return Err(broken());
        }
        done
    }

    /// The connection is lost; what it had not committed is undone.
    fn break_off(&mut self) {
        if let Some(inner) = self.inner.take() {
            let _closed = block_on(AnyConnectionBackend::close(Box::new(inner)));
        }
    }

    async fn rows(&mut self, sql: SqlStr, persistent: bool, arguments: Option<AnyArguments>) -> Result<Vec<Outcome>> {
        let text = sql.as_str().to_owned();
        let said = arguments.as_ref().map(|arguments| arguments.values.0.clone());
        if self.site.is_muted(&text) {
            return Ok(Vec::new());
        }
        if let Some(first) = self.site.comes_first(&text, said.as_deref().unwrap_or_default()).await {
            self.quietly(&first)?;
        }
        let rows: Vec<Outcome> = self
            .run(&text, |inner| {
                let again = said.clone().map(|values| AnyArguments { values: AnyArgumentBuffer(values) });
                block_on(inner.fetch_many(AssertSqlSafe(text.clone()).into_sql_str(), persistent, again).try_collect())
            })
            .await?;
        if text.starts_with("INSERT INTO inbox") {
            self.new.extend(rows.iter().filter_map(first_text));
        }
        if text.contains("busy_timeout") {
            // Waiting inside of SQLite would stop the time for whoever is waited for.
            self.quietly("PRAGMA busy_timeout = 0; PRAGMA synchronous = OFF")?;
        }
        Ok(rows)
    }

    /// A statement of the simulation's own.
    fn quietly(&mut self, sql: &str) -> Result<()> {
        let inner = self.inner.as_mut().ok_or_else(broken)?;
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        let done: Result<Vec<Outcome>> = block_on(inner.fetch_many(sql, false, None).try_collect());
        done.map(drop)
    }

    /// Refuses a transaction for want of room, as `SQLite` does: the transaction is no more, though nobody ended it.
    fn fill(&mut self) -> Result<()> {
        let full = self.quietly(
            "CREATE TABLE filler (bytes); PRAGMA max_page_count = 1; INSERT INTO filler VALUES (zeroblob(1000000))",
        );
        self.quietly("PRAGMA max_page_count = 4294967294")?;
        full
    }

    /// Migrations cost nothing: no two processes do them at the same time.
    fn migrate<T>(&mut self, step: impl FnOnce(&mut SqliteConnection) -> Result<T, MigrateError>) -> MigrationStep<T>
    where
        T: Send + 'static,
    {
        let done = self.inner.as_mut().ok_or_else(|| MigrateError::Execute(broken())).and_then(step);
        Box::pin(async { done })
    }
}

type MigrationStep<T> = BoxFuture<'static, Result<T, MigrateError>>;

impl Drop for SimulatedConnection {
    fn drop(&mut self) {
        // At once, and not whenever its thread comes to it: others wait for its lock.
        self.break_off();
    }
}

impl AnyConnectionBackend for SimulatedConnection {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        self.break_off();
        Box::pin(async { Ok(()) })
    }

    fn close_hard(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        self.close()
    }

    fn ping(&mut self) -> BoxFuture<'_, Result<()>> {
        let alive = self.inner.is_some();
        Box::pin(async move { if alive { Ok(()) } else { Err(broken()) } })
    }

    fn begin(&mut self, statement: Option<SqlStr>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let text = statement.map(|sql| sql.as_str().to_owned());
            let begin = |inner: &mut SqliteConnection| {
                let sql = text.clone().map(|text| AssertSqlSafe(text).into_sql_str());
                block_on(AnyConnectionBackend::begin(inner, sql))
            };
            self.new.clear();
            self.run("BEGIN", begin).await
        })
    }

    fn commit(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if self.site.is_full() {
                return self.fill();
            }
            let (new, site) = (std::mem::take(&mut self.new), self.site.clone());
            let commit = |inner: &mut SqliteConnection| {
                let committed = block_on(AnyConnectionBackend::commit(inner));
                committed.inspect(|()| site.applied(&new))
            };
            self.run("COMMIT", commit).await
        })
    }

    fn rollback(&mut self) -> BoxFuture<'_, Result<()>> {
        self.start_rollback();
        Box::pin(async { Ok(()) })
    }

    fn start_rollback(&mut self) {
        if let Some(inner) = &mut self.inner {
            // The driver does not say either whether it could.
            let _ended = block_on(AnyConnectionBackend::rollback(inner));
        }
    }

    fn get_transaction_depth(&self) -> usize {
        self.inner.as_ref().map_or(0, AnyConnectionBackend::get_transaction_depth)
    }

    fn shrink_buffers(&mut self) {}

    fn flush(&mut self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn as_migrate(&mut self) -> Result<&mut (dyn Migrate + Send + 'static)> {
        Ok(self)
    }

    fn fetch_many(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxStream<'_, Result<Outcome>> {
        let rows = async move {
            let rows = self.rows(query, persistent, arguments).await?;
            Ok::<_, Error>(stream::iter(rows.into_iter().map(Ok)))
        };
        stream::once(rows).try_flatten().boxed()
    }

    fn fetch_optional(
        &mut self,
        query: SqlStr,
        persistent: bool,
        arguments: Option<AnyArguments>,
    ) -> BoxFuture<'_, Result<Option<AnyRow>>> {
        Box::pin(async move {
            let rows = self.rows(query, persistent, arguments).await?;
            Ok(rows.into_iter().find_map(Either::right))
        })
    }

    fn prepare_with<'c, 'q: 'c>(
        &'c mut self,
        sql: SqlStr,
        parameters: &[AnyTypeInfo],
    ) -> BoxFuture<'c, Result<AnyStatement>> {
        let Some(inner) = &mut self.inner else { return Box::pin(async { Err(broken()) }) };
        let prepared = block_on(AnyConnectionBackend::prepare_with(inner, sql, parameters));
        Box::pin(async { prepared })
    }

    fn describe(&mut self, sql: SqlStr) -> BoxFuture<'_, Result<Describe<Any>>> {
        let Some(inner) = &mut self.inner else { return Box::pin(async { Err(broken()) }) };
        let described = block_on(AnyConnectionBackend::describe(inner, sql));
        Box::pin(async { described })
    }
}

impl Migrate for SimulatedConnection {
    fn create_schema_if_not_exists<'e>(&'e mut self, name: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.migrate(|inner| block_on(inner.create_schema_if_not_exists(name)))
    }

    fn ensure_migrations_table<'e>(&'e mut self, table: &'e str) -> BoxFuture<'e, Result<(), MigrateError>> {
        self.migrate(|inner| block_on(inner.ensure_migrations_table(table)))
    }

    fn dirty_version<'e>(&'e mut self, table: &'e str) -> BoxFuture<'e, Result<Option<i64>, MigrateError>> {
        self.migrate(|inner| block_on(inner.dirty_version(table)))
    }

    fn list_applied_migrations<'e>(
        &'e mut self,
        table: &'e str,
    ) -> BoxFuture<'e, Result<Vec<AppliedMigration>, MigrateError>> {
        self.migrate(|inner| block_on(inner.list_applied_migrations(table)))
    }

    fn lock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.migrate(|inner| block_on(inner.lock()))
    }

    fn unlock(&mut self) -> BoxFuture<'_, Result<(), MigrateError>> {
        self.migrate(|inner| block_on(inner.unlock()))
    }

    fn apply<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        self.migrate(|inner| block_on(inner.apply(table, migration)))
    }

    fn revert<'e>(
        &'e mut self,
        table: &'e str,
        migration: &'e Migration,
    ) -> BoxFuture<'e, Result<Duration, MigrateError>> {
        self.migrate(|inner| block_on(inner.revert(table, migration)))
    }
}
