//! The mechanisms on real stores, with a broker that does as the test tells it.

mod broker;
mod errors;
mod inbox;
mod listening;
mod outbox;
mod poison;
mod relay;
mod relays;
mod tally;
mod waiting;

use std::sync::Arc;

use ambient::{Clock, Ids, ManualClock, Timestamp};
use clap::Parser;
use events::EventSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use store::{Migrations, Store};
use test_stores::Place;

use crate::follow::Follower;
use crate::{Config, MIGRATIONS, Outbox, Saying};

/// When all tests take place.
const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

/// The events of a context named `counter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Counter {
    Counted(Counted),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Counted {
    id: i64,
    n: i64,
}

impl EventSet for Counter {
    const CONTEXT: &'static str = "counter";
    const KINDS: &'static [&'static str] = &["Counted"];

    fn correlation_id(&self) -> i64 {
        let Self::Counted(counted) = self;
        counted.id
    }
}

/// The context `reader` in a process of its own.
struct Process {
    store: Store,
    outbox: Outbox,
    clock: Arc<ManualClock>,
    config: Config,
    follower: Follower,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    messaging: Config,
}

impl Process {
    async fn on(place: &Place) -> Self {
        Self::with(Store::open(&place.config(), &schema()).await.unwrap())
    }

    fn with(store: Store) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let ids = Arc::new(Ids::from_entropy(Arc::new(ambient::SystemClock)));
        let arguments = ["test", "--fleet", "test", "--consumer-backoff", "1ms", "--consumer-attempts", "3"];
        let config = Defaults::parse_from(arguments).messaging;
        let outbox = Outbox::new(&store, &config.topic("reader"), clock.clone(), ids.clone());
        let follower = Follower(chassis::Spans::unwanted(clock.clone(), ids));
        Self { store, outbox, clock, config, follower }
    }

    /// Says these counts of `id` in one transaction.
    async fn say(&self, id: i64, counts: impl IntoIterator<Item = i64>) {
        self.say_all(counts.into_iter().map(|n| (id, n))).await;
    }

    async fn say_all(&self, counts: impl IntoIterator<Item = (i64, i64)>) {
        let tx = self.store.begin().await.unwrap();
        let mut saying = Saying::default();
        for (id, n) in counts {
            self.outbox.say(&mut saying, &Counter::Counted(Counted { id, n }), None).unwrap();
        }
        self.outbox.commit(tx, saying).await.unwrap();
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
