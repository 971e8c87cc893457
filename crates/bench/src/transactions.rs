//! The limit of requests: the transactions of one request, committed by the same `PostgreSQL` for a single process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids};
use anyhow::{Context as _, Result, ensure};
use chassis::Host;
use events::{EventSet, TraceContext};
use messaging::{Argument, Messaging, Outbox, StagedEvents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};
use store::Store;

use crate::declaration::{Event, Transaction, with_id};
use crate::environment::Environment;
use crate::rate::rate;
use crate::running_fleet::create_stores;
use crate::siege::CLIENTS;

/// An event in an outbox.
const INSERT_EVENT: &str = "INSERT INTO outbox (event_id, topic, subject, kind, happened_at, trace, data) \
                            VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// The transactions of a request, on stores whose services do not run.
pub struct Transactions {
    of_request: Vec<Transaction>,
    stores: BTreeMap<String, ContextStore>,
    ids: Arc<Ids>,
    clock: Arc<dyn Clock>,
}

/// The store of a context.
struct ContextStore {
    /// Its outbox, with the connections of a service. No relay publishes from it.
    outbox: Outbox,
    /// As many connections of sqlx's own driver for `PostgreSQL`.
    pool: PgPool,
}

/// A declared event of a case: a map of its kind to its data, which is the JSON of an event set.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct CaseEvent {
    event: BTreeMap<String, Value>,
    #[serde(skip)]
    id: i64,
}

impl Transactions {
    /// Creates the databases, with the schemas of the services.
    pub async fn prepare(environment: &Environment, transactions: &[Transaction]) -> Result<Self> {
        let plan = environment.plan("transactions")?;
        let contexts: BTreeSet<&str> = transactions.iter().map(|transaction| transaction.context.as_str()).collect();
        create_stores(environment, &plan, &contexts).await?;
        let mut stores = BTreeMap::new();
        for context in contexts {
            let (url, fleet) = (environment.store_url(&plan, context), &plan.fleet);
            stores.insert(context.to_owned(), ContextStore::open(environment, &url, fleet, context).await?);
        }
        let (ids, clock) = (Arc::clone(&environment.ids), Arc::clone(&environment.clock));
        Ok(Self { of_request: transactions.to_vec(), stores, ids, clock })
    }

    /// Cases per second in plain SQL, each transaction from BEGIN to COMMIT.
    pub async fn rate_in_plain_sql(&self, duration: Duration) -> Result<f64> {
        rate(
            CLIENTS,
            duration,
            || (),
            async |()| {
                let id = self.ids.number();
                for transaction in &self.of_request {
                    self.commit(transaction, id).await?;
                }
                Ok(())
            },
        )
        .await
    }

    /// Cases per second by the code of the services, which sends a change and its event in one statement.
    pub async fn rate_in_one_statement(&self, duration: Duration) -> Result<f64> {
        rate(
            CLIENTS,
            duration,
            || (),
            async |()| {
                let id = self.ids.number();
                for transaction in &self.of_request {
                    self.execute_and_publish(transaction, id).await?;
                }
                Ok(())
            },
        )
        .await
    }

    async fn commit(&self, Transaction { context, change, event }: &Transaction, id: i64) -> Result<()> {
        let change = sqlx::query(AssertSqlSafe(change.clone())).bind(id);
        let pool = &self.store(context)?.pool;
        let Some(event) = event else {
            change.execute(pool).await?;
            return Ok(());
        };
        let mut tx = pool.begin().await?;
        change.execute(&mut *tx).await?;
        sqlx::query(INSERT_EVENT)
            .bind(self.ids.uuid().to_string())
            .bind(format!("bench.{context}"))
            .bind(id.to_string())
            .bind(&event.kind)
            .bind(self.clock.now().as_micros())
            .bind(TraceContext::new(&self.ids).to_string())
            .bind(with_id(&event.data, id))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn execute_and_publish(&self, transaction: &Transaction, id: i64) -> Result<()> {
        let Transaction { context, change, event } = transaction;
        let outbox = &self.store(context)?.outbox;
        let mut staged = StagedEvents::default();
        if let Some(event) = event {
            outbox.stage(&mut staged, &CaseEvent::of(event, id)?, Some(TraceContext::new(&self.ids)))?;
        }
        let changed = outbox.execute_and_publish(change, &[Argument::Number(id)], staged).await?;
        ensure!(changed, "no row is changed by: {change}");
        Ok(())
    }

    fn store(&self, context: &str) -> Result<&ContextStore> {
        self.stores.get(context).with_context(|| format!("{context} has no store"))
    }
}

impl ContextStore {
    async fn open(environment: &Environment, url: &str, fleet: &str, context: &str) -> Result<Self> {
        let connections = environment.connections.to_string();
        let config: store::Config = parsed(&["--store-url", url, "--store-connections", &connections])?;
        forget_migrations(url).await?;
        let store = Store::open(&config, &[]).await?;
        let host = Host::new(Arc::clone(&environment.clock), Arc::clone(&environment.ids));
        // Contexts have static names, and there are as many as a fleet has.
        let context: &'static str = context.to_owned().leak();
        let outbox = Messaging::new(&parsed(&["--fleet", fleet])?, context, &store, &host).outbox();
        // As our stores do: no round trip for a check of the connection.
        let pool = PgPoolOptions::new().max_connections(environment.connections).test_before_acquire(false);
        Ok(Self { outbox, pool: pool.connect_lazy(url)? })
    }
}

/// A store does not open if its schema has migrations that the program does not know. This program knows none of the service that
/// has created the store, so it removes the record of them.
async fn forget_migrations(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql("DROP TABLE _sqlx_migrations").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The settings of a part of a service, from its arguments.
fn parsed<T: clap::Args>(arguments: &[&str]) -> Result<T> {
    let command = T::augment_args(clap::Command::new("part").no_binary_name(true));
    Ok(T::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

impl CaseEvent {
    fn of(Event { kind, data }: &Event, id: i64) -> Result<Self> {
        let data = serde_json::from_str(&with_id(data, id))?;
        Ok(Self { event: BTreeMap::from([(kind.clone(), data)]), id })
    }
}

impl EventSet for CaseEvent {
    const CONTEXT: &'static str = "bench";
    const KINDS: &'static [&'static str] = &[];

    type Key = i64;

    fn key(&self) -> i64 {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_event_is_encoded_as_its_kind_and_its_data() {
        let event = Event { kind: "LiftDone".to_owned(), data: r#"{"id":{id},"weight":5}"#.to_owned() };
        let event = CaseEvent::of(&event, 7).unwrap();
        let (kind, data) = events::encode(&event).unwrap();
        assert_eq!((kind.as_str(), data.as_str(), event.key()), ("LiftDone", r#"{"id":7,"weight":5}"#, 7));
    }
}
