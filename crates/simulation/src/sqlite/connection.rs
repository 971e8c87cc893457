use std::fmt;
use std::io;
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

use super::statement::StatementContext;
use super::tag::{self, INBOX_INSERT};

/// How long a statement waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause between two attempts to get the lock.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

type Outcome = Either<AnyQueryResult, AnyRow>;

/// A connection to a real `SQLite` file with simulated faults: each statement takes simulated time, and may be rejected, lose
/// its result, or kill its process.
///
/// `SQLite` works in a thread of its own. This connection blocks on it, so that a statement takes no time in the runtime, and
/// the order of all steps is the same in each run.
pub(crate) struct SimulatedConnection {
    /// `None` after the connection broke.
    inner: Option<SqliteConnection>,
    context: StatementContext,
    /// The ids that the transaction has inserted into the inbox.
    new: Vec<String>,
}

impl fmt::Debug for SimulatedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedConnection").field("context", &self.context).finish_non_exhaustive()
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
        let options: SqliteConnectOptions = url.as_str().parse()?;
        let context = StatementContext::of(options.get_filename());
        if !context.round_trip().await {
            return Err(broken());
        }
        Ok(Self { inner: Some(block_on(options.connect())?), context, new: Vec::new() })
    }

    /// Executes `work` on the connection, with the simulated duration and faults of the statement `sql`.
    async fn run<T: Send>(
        &mut self,
        sql: &str,
        mut work: impl FnMut(&mut SqliteConnection) -> Result<T> + Send,
    ) -> Result<T> {
        if !self.context.before(sql).await {
            self.disconnect();
        }
        let deadline = Instant::now() + BUSY_TIMEOUT;
        let done = loop {
            match work(self.inner.as_mut().ok_or_else(broken)?) {
                Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
                done => break done,
            }
        };
        if !self.context.after(sql).await {
            self.disconnect();
            return Err(broken());
        }
        done
    }

    /// Closes the connection, which rolls its transaction back.
    fn disconnect(&mut self) {
        if let Some(inner) = self.inner.take() {
            let _closed = block_on(AnyConnectionBackend::close(Box::new(inner)));
        }
    }

    async fn rows(&mut self, sql: SqlStr, persistent: bool, arguments: Option<AnyArguments>) -> Result<Vec<Outcome>> {
        let text = sql.as_str().to_owned();
        let values = arguments.as_ref().map(|arguments| arguments.values.0.clone());
        if self.context.is_skipped(&text) {
            return Ok(Vec::new());
        }
        if let Some(first) = self.context.mutate(&text, values.as_deref().unwrap_or_default()).await {
            self.execute(&first)?;
        }
        let rows: Vec<Outcome> = self
            .run(&text, |inner| {
                let again = values.clone().map(|values| AnyArguments { values: AnyArgumentBuffer(values) });
                block_on(inner.fetch_many(AssertSqlSafe(text.clone()).into_sql_str(), persistent, again).try_collect())
            })
            .await?;
        if tag::split(&text).0 == Some(INBOX_INSERT) {
            self.new.extend(rows.iter().filter_map(first_text));
        }
        if text.contains("busy_timeout") {
            // Waiting inside SQLite would block the runtime, and with it the process that holds the lock.
            self.execute("PRAGMA busy_timeout = 0; PRAGMA synchronous = OFF")?;
        }
        Ok(rows)
    }

    /// Executes a statement of the simulation itself, without faults.
    fn execute(&mut self, sql: &str) -> Result<()> {
        let inner = self.inner.as_mut().ok_or_else(broken)?;
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        let done: Result<Vec<Outcome>> = block_on(inner.fetch_many(sql, false, None).try_collect());
        done.map(drop)
    }

    /// Fails a transaction because the disk is full. As in `SQLite`, the transaction is rolled back by the failure.
    fn fill_disk(&mut self) -> Result<()> {
        let full = self.execute(
            "CREATE TABLE filler (bytes); PRAGMA max_page_count = 1; INSERT INTO filler VALUES (zeroblob(1000000))",
        );
        self.execute("PRAGMA max_page_count = 4294967294")?;
        full
    }

    /// Executes a step of a migration, without duration and faults: no two processes migrate at the same time.
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
        // Synchronously: other connections wait for its lock.
        self.disconnect();
    }
}

impl AnyConnectionBackend for SimulatedConnection {
    fn name(&self) -> &'static str {
        "SQLite"
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        self.disconnect();
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
            if self.context.disk_is_full() {
                return self.fill_disk();
            }
            let (new, context) = (std::mem::take(&mut self.new), self.context.clone());
            let commit = |inner: &mut SqliteConnection| {
                let committed = block_on(AnyConnectionBackend::commit(inner));
                committed.inspect(|()| context.count_applied(&new))
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
            // The trait returns no error.
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
