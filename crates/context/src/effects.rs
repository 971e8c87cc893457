use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Timestamp};
use chassis::Host;
use futures_util::future::join_all;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Error, FromRow};
use store::{Column, Dialect, Store, Tx, incoming, sqlx};
use tokio::sync::Notify;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The interval at which the task looks for effects without being woken: for those that another process has left.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit of an execution: how long other replicas leave a claimed effect alone.
const LEASE: Duration = Duration::from_secs(5);

/// The delay after which an effect that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Effects that are executed concurrently.
const BATCH_SIZE: i64 = 50;

/// A call to an external system. It is recorded in the transaction that decides on it, and executed after the commit, at
/// least once: the external system recognises a repetition by the key.
///
/// It is a row: its fields are the columns of its table, which has one more, `retry_at BIGINT NOT NULL DEFAULT 0`.
pub trait Effect: for<'r> FromRow<'r, AnyRow> + Serialize + Clone + Send + Sync + Unpin + 'static {
    /// What the effects are called in logs, such as `refunds`.
    const NAME: &'static str;

    /// The table.
    const TABLE: &'static str;

    /// The columns of the primary key.
    const KEY: &'static [&'static str];

    /// All columns but `retry_at`.
    const COLUMNS: &'static [(&'static str, Column)];
}

/// The recorded effects of one kind.
#[derive(Debug)]
pub struct Effects<E> {
    store: Store,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
    effect: PhantomData<fn() -> E>,
}

impl<E> Clone for Effects<E> {
    fn clone(&self) -> Self {
        let Self { store, clock, wake, effect } = self;
        Self { store: store.clone(), clock: Arc::clone(clock), wake: Arc::clone(wake), effect: *effect }
    }
}

impl<E: Effect> Effects<E> {
    /// The effects in `store`.
    pub fn new(store: &Store, clock: Arc<dyn Clock>) -> Self {
        Self { store: store.clone(), clock, wake: Arc::default(), effect: PhantomData }
    }

    /// Records effects in a transaction. One that is recorded already, even if it is being executed, is executed again.
    /// Call [`wake`](Self::wake) after the commit.
    pub async fn record(&self, tx: &mut Tx, effects: &[E]) -> Result<(), Error> {
        if effects.is_empty() {
            return Ok(());
        }
        let sql = record_sql::<E>(self.store.dialect());
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(effects)?).execute(&mut **tx).await.map(drop)
    }

    /// Wakes the background task of this process.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until the task is woken. For tests that start none.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The effects that are recorded and not executed yet, in the order of their keys.
    pub async fn pending(&self) -> Result<Vec<E>, Error> {
        let sql = format!("SELECT {} FROM {} ORDER BY {}", columns::<E>(), E::TABLE, key::<E>());
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(self.store.reader()).await
    }

    /// Starts the background task that executes effects.
    pub fn start<X, F>(&self, host: &Host, execute: impl Fn(E) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), X>> + Send,
        X: fmt::Display + Send,
    {
        let (effects, stop) = (self.clone(), host.stopping());
        host.spawn(E::NAME, async move {
            while !stop.is_cancelled() {
                stop.run_until_cancelled(timeout(POLL_INTERVAL, effects.woken())).await;
                if let Err(error) = effects.run_due(&execute, &stop).await {
                    tracing::warn!(effects = E::NAME, %error, "the effects wait for the store");
                }
            }
        });
    }

    /// Executes the effects that are due now, each once.
    async fn run_due<X, F>(&self, execute: impl Fn(E) -> F, stop: &CancellationToken) -> Result<(), Error>
    where
        F: Future<Output = Result<(), X>>,
        X: fmt::Display,
    {
        let now = self.clock.now();
        while !stop.is_cancelled() {
            let lease_end = self.clock.now().plus(LEASE);
            let claimed = self.claim(now, lease_end).await?;
            if claimed.is_empty() {
                break;
            }
            let results = join_all(claimed.iter().map(|effect| timeout(LEASE, execute(effect.clone())))).await;
            let (mut executed, mut failed) = (Vec::new(), Vec::new());
            for (effect, result) in claimed.into_iter().zip(results) {
                if is_success::<E, X>(&result) { executed.push(effect) } else { failed.push(effect) }
            }
            self.delete(&executed, lease_end).await?;
            self.retry(&failed, lease_end).await?;
        }
        Ok(())
    }

    /// Claims effects that were due at `now`, those first that have waited longest.
    async fn claim(&self, now: Timestamp, lease_end: Timestamp) -> Result<Vec<E>, Error> {
        let query = sqlx::query_as(AssertSqlSafe(claim_sql::<E>()));
        let query = query.bind(now.as_micros()).bind(lease_end.as_micros()).bind(BATCH_SIZE);
        query.fetch_all(self.store.writer()).await
    }

    /// Deletes executed effects, but not one that was recorded again meanwhile.
    async fn delete(&self, executed: &[E], lease_end: Timestamp) -> Result<(), Error> {
        if executed.is_empty() {
            return Ok(());
        }
        let sql = delete_sql::<E>(self.store.dialect());
        let query = sqlx::query(AssertSqlSafe(sql)).bind(incoming(executed)?).bind(lease_end.as_micros());
        query.execute(self.store.writer()).await.map(drop)
    }

    /// Makes effects that failed due again a little later.
    async fn retry(&self, failed: &[E], lease_end: Timestamp) -> Result<(), Error> {
        if failed.is_empty() {
            return Ok(());
        }
        let sql = retry_sql::<E>(self.store.dialect());
        let query = sqlx::query(AssertSqlSafe(sql)).bind(incoming(failed)?).bind(lease_end.as_micros());
        query.bind(self.clock.now().plus(RETRY_AFTER).as_micros()).execute(self.store.writer()).await.map(drop)
    }
}

fn is_success<E: Effect, X: fmt::Display>(result: &Result<Result<(), X>, Elapsed>) -> bool {
    let reason = match result {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::warn!(effects = E::NAME, reason, "an effect failed and will be tried again");
    false
}

fn columns<E: Effect>() -> String {
    E::COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn key<E: Effect>() -> String {
    E::KEY.join(", ")
}

fn record_sql<E: Effect>(dialect: Dialect) -> String {
    let (table, columns, key, rows) = (E::TABLE, columns::<E>(), key::<E>(), dialect.rows(E::COLUMNS));
    format!(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows} WHERE true ORDER BY {key} \
         ON CONFLICT ({key}) DO UPDATE SET retry_at = 0"
    )
}

/// The condition is repeated outside: of two replicas that find the same row, the second one must see that it is claimed.
fn claim_sql<E: Effect>() -> String {
    let (table, columns, key) = (E::TABLE, columns::<E>(), key::<E>());
    format!(
        "/* effects: claim */ UPDATE {table} SET retry_at = $2 WHERE retry_at <= $1 AND ({key}) IN \
         (SELECT {key} FROM {table} WHERE retry_at <= $1 ORDER BY retry_at, {key} LIMIT $3) RETURNING {columns}"
    )
}

fn delete_sql<E: Effect>(dialect: Dialect) -> String {
    format!("/* effects: delete */ DELETE FROM {} WHERE {}", E::TABLE, is_leased::<E>(dialect))
}

fn retry_sql<E: Effect>(dialect: Dialect) -> String {
    format!("/* effects: retry */ UPDATE {} SET retry_at = $3 WHERE {}", E::TABLE, is_leased::<E>(dialect))
}

fn is_leased<E: Effect>(dialect: Dialect) -> String {
    let (key, rows) = (key::<E>(), dialect.rows(E::COLUMNS));
    format!("retry_at = $2 AND ({key}) IN (SELECT {key} FROM {rows} ORDER BY {key})")
}
