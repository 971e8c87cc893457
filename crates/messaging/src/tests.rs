//! Outbox, relay, inbox and consumer on real stores, with a scripted broker.

mod broker;
mod broker_errors;
mod concurrent_relays;
mod inbox;
mod late_topic;
mod long_records;
mod outbox;
mod poison;
mod refusals;
mod relay;
mod slow_batch;
mod store_outage;
mod tally;

use std::sync::Arc;

use ambient::{Clock, Ids, ManualClock, SystemClock, Timestamp};
use clap::Parser;
use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use store::{Migrations, Store};
use test_stores::{TestStore, on_sqlite};

use crate::trace_links::TraceLinks;
use crate::{Config, MIGRATIONS, Outbox, StagedEvents};

/// The time of all tests.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// The events of a context named `counter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Counter {
    Counted(Counted),
    Noted(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Counted {
    id: i64,
    n: i64,
}

impl EventSet for Counter {
    const CONTEXT: &'static str = "counter";
    const KINDS: &'static [&'static str] = &["Counted", "Noted"];

    type Key = i64;

    fn key(&self) -> i64 {
        match self {
            Self::Counted(counted) => counted.id,
            Self::Noted(_) => 0,
        }
    }
}

/// The context `reader` in a process of its own.
struct Process {
    store: Store,
    outbox: Outbox,
    clock: Arc<ManualClock>,
    config: Config,
    trace_links: TraceLinks,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    messaging: Config,
}

impl Process {
    async fn on(place: &TestStore) -> Self {
        Self::with(Store::open(&place.config(), &schema()).await.unwrap())
    }

    fn with(store: Store) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        let arguments = ["test", "--fleet", "test", "--consumer-backoff", "1ms"];
        let config = Defaults::parse_from(arguments).messaging;
        let outbox = Outbox::new(&store, &config, "reader", clock.clone(), ids.clone());
        let trace_links = TraceLinks(chassis::Spans::unwanted(clock.clone(), ids));
        Self { store, outbox, clock, config, trace_links }
    }

    /// Commits these counts of `id` in one transaction.
    async fn commit_counts(&self, id: i64, counts: impl IntoIterator<Item = i64>) {
        self.commit_all(counts.into_iter().map(|n| (id, n))).await;
    }

    async fn commit_all(&self, counts: impl IntoIterator<Item = (i64, i64)>) {
        let tx = self.store.begin().await.unwrap();
        let mut pending = StagedEvents::default();
        for (id, n) in counts {
            self.outbox.stage(&mut pending, &Counter::Counted(Counted { id, n }), None).unwrap();
        }
        self.outbox.commit(tx, pending).await.unwrap();
    }

    /// The rows that wait in the outbox, by topic and data.
    async fn waiting(&self) -> Vec<(String, String)> {
        let sql = "SELECT topic, data FROM outbox ORDER BY seq";
        sqlx::query_as(sql).fetch_all(self.store.reader()).await.unwrap()
    }
}

fn schema() -> Vec<Migrations> {
    // What is counted stays below 1,000; a note must name something that is counted, at the latest when it is committed.
    let sql = "CREATE TABLE tally (id BIGINT PRIMARY KEY, total BIGINT NOT NULL DEFAULT 0 CHECK (total < 1000)); \
               CREATE TABLE notes (id BIGINT NOT NULL REFERENCES tally (id) DEFERRABLE INITIALLY DEFERRED)";
    let step = Migration::new(100, "tally".into(), MigrationType::Simple, sql.into_sql_str(), false);
    let own = Box::leak(Box::new(Migrator::with_migrations(vec![step])));
    vec![MIGRATIONS, Migrations::portable(own)]
}

/// Chance that a seed repeats.
fn chance(seed: u64) -> Ids {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    Ids::seeded(clock, seed)
}

/// The variable that names a Kafka, such as `127.0.0.1:9092`.
const SERVER: &str = "FLOTILLA_TEST_KAFKA";

/// Runs a test on Kafka, if there is one. The process has a fleet of its own, and so topics that no other test has.
fn on_kafka(test: impl AsyncFn(Process, Arc<Ids>)) {
    let Ok(brokers) = std::env::var(SERVER) else {
        return eprintln!("left out: a test on Kafka, as {SERVER} is not set");
    };
    on_sqlite(async |place| {
        let mut process = Process::on(place).await;
        let ids = Arc::new(Ids::from_entropy(Arc::new(SystemClock)));
        process.config.kafka_brokers.clone_from(&brokers);
        process.config.fleet = format!("flotilla-test-{:x}", ids.number());
        test(process, ids).await;
    });
}
