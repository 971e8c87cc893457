//! Runs a test on each kind of store: on `SQLite` always, on `PostgreSQL` when `FLOTILLA_TEST_POSTGRES` names a server.
//!
//! Every run has a store of its own, which is gone afterwards, whether the test held or not.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    reason = "what fails here fails the test, which is written where it runs"
)]

pub mod random;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Once};
use std::time::Duration;

use ambient::{Ids, SystemClock};
use clap::Parser;
use futures_util::FutureExt;
use store::sqlx::{AnyConnection, AssertSqlSafe, Connection};
use store::{Config, Dialect, Migrations, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// The variable that names a `PostgreSQL` server, such as `postgres://postgres@127.0.0.1:5432/postgres`.
pub const SERVER: &str = "FLOTILLA_TEST_POSTGRES";

/// No test takes longer than this.
const DEADLINE: Duration = Duration::from_mins(2);

/// How long [`eventually`] waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a test may keep what it likes.
#[derive(Debug)]
pub struct TestStore {
    /// The kind of store.
    pub dialect: Dialect,
    url: String,
    folder: TempDir,
}

#[derive(Debug, Parser)]
struct Defaults {
    #[command(flatten)]
    store: Config,
}

impl TestStore {
    /// Settings for the store of this place.
    pub fn config(&self) -> Config {
        let arguments = ["test", "--store-url", &self.url, "--store-connections", "8", "--store-start-limit", "10s"];
        Defaults::parse_from(arguments).store
    }

    /// Opens the store, as another process would that does the same: each time anew.
    pub async fn open(&self, migrations: &[Migrations]) -> Store {
        Store::open(&self.config(), migrations).await.unwrap()
    }

    /// A folder that is gone after the test.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// Runs a test on each kind of store.
pub fn on_each_store(test: impl AsyncFn(&TestStore)) {
    on_sqlite(&test);
    on_postgres(&test);
}

/// Runs a test on `SQLite`.
pub fn on_sqlite(test: impl AsyncFn(&TestStore)) {
    // A folder may be called anything.
    let folder = TempDir::with_prefix("flotilla #1 50% %41 ?é'\"{context}").unwrap();
    let url = store::file_url(&folder.path().join("store.db"));
    let place = TestStore { dialect: Dialect::Sqlite, url, folder };
    runtime().block_on(async { timeout(DEADLINE, test(&place)).await.expect("the test on SQLite ends in time") });
}

/// Runs a test on `PostgreSQL`, if there is one.
pub fn on_postgres(test: impl AsyncFn(&TestStore)) {
    let Ok(server) = std::env::var(SERVER) else { return say_what_is_left_out() };
    let ids = Ids::from_entropy(Arc::new(SystemClock));
    let database = format!("flotilla_test_{}", ids.uuid().simple());
    let url = format!("{}/{database}", server.rsplit_once('/').expect("the URL ends with a database").0);
    let place = TestStore { dialect: Dialect::Postgres, url, folder: TempDir::new().unwrap() };
    let runtime = runtime();
    let outcome = runtime.block_on(async {
        store::create_database(&place.url).await.unwrap();
        AssertUnwindSafe(timeout(DEADLINE, test(&place))).catch_unwind().await
    });
    // Whatever the test has left running ends before its database does.
    drop(runtime);
    self::runtime().block_on(drop_database(&server, &database));
    match outcome {
        Ok(ended) => ended.expect("the test on PostgreSQL ends in time"),
        Err(panic) => resume_unwind(panic),
    }
}

async fn drop_database(server: &str, database: &str) {
    let mut connection = AnyConnection::connect(server).await.unwrap();
    let sql = AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)"));
    store::sqlx::query(sql).execute(&mut connection).await.unwrap();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn say_what_is_left_out() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| eprintln!("left out: tests on PostgreSQL, as {SERVER} is not set"));
}

/// Waits until `check` says yes. `what` is what the test says if it never does.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let found = timeout(PATIENCE, async {
        while !check().await {
            sleep(Duration::from_millis(5)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("not in time: {what}"));
}
