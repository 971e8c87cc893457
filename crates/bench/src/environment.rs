//! The environment of a run: names of its own, on the given Kafka and `PostgreSQL`.

use std::path::PathBuf;
use std::sync::Arc;

use ambient::{Clock, Ids, SystemClock};
use anyhow::{Context as _, Result};
use flotilla::fleets;
use flotilla::plan::{Broker, Plan, Settings, Stores};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use url::Url;

use crate::args::Args;
use crate::{broker, ports};

/// A name of a database that is replaced in the URL of the server.
const DATABASE: &str = "database-of-the-bench";

/// The environment of a run.
pub struct Environment {
    /// The prefix of all its fleets, databases and topics.
    name: String,
    /// The manifest of the fleet.
    pub manifest: PathBuf,
    /// The fleet, as it is declared.
    pub fleet: fleets::Fleet,
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// The folder of logs and embedded stores.
    pub dir: TempDir,
    /// The addresses of the brokers.
    pub kafka: String,
    /// The URL of the database server.
    pub postgres: Url,
    /// Connections of each service to its store.
    pub connections: u32,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of ids.
    pub ids: Arc<Ids>,
}

impl Environment {
    /// An environment with a new name.
    pub fn new(args: &Args) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Arc::new(Ids::from_entropy(Arc::clone(&clock)));
        let manifest = std::path::absolute(&args.manifest)?;
        Ok(Self {
            name: format!("bench-{:x}", ids.number()),
            fleet: fleets::find(manifest.to_str(), None)?,
            manifest,
            binaries: std::path::absolute(&args.binaries)?,
            dir: TempDir::with_prefix("flotilla-bench.")?,
            kafka: args.kafka.clone(),
            postgres: args.postgres.parse().context("the URL of PostgreSQL")?,
            connections: args.connections,
            clock,
            ids,
        })
    }

    /// The plan of a fleet of this run, on Kafka and `PostgreSQL` and on free ports. Fleets with different `purpose`s share
    /// neither topics nor databases.
    pub fn plan(&self, purpose: &str) -> Result<Plan> {
        let mut fleet = self.fleet.clone();
        fleet.manifest.name = format!("{}-{purpose}", self.name);
        let names = fleet.manifest.contexts.iter().map(|context| context.name.clone());
        let settings = Settings {
            broker: Broker::External(self.kafka.clone()),
            stores: Stores::External(self.url("{fleet}-{context}")),
            ports: ports::free(names.chain(["gateway".to_owned()]))?,
            ..Settings::embedded(self.dir.path().join(purpose), &self.binaries)
        };
        let mut plan = Plan::new(&fleet, &settings)?;
        for process in &mut plan.processes {
            process.env.insert("STORE_CONNECTIONS".to_owned(), self.connections.to_string());
        }
        Ok(plan)
    }

    /// The URL of the database of a context of a fleet.
    pub fn store_url(&self, plan: &Plan, context: &str) -> String {
        self.url(&format!("{}-{context}", plan.fleet))
    }

    fn url(&self, database: &str) -> String {
        let mut url = self.postgres.clone();
        url.set_path(DATABASE);
        url.to_string().replace(DATABASE, database)
    }

    /// A connection to the database server.
    pub async fn server(&self) -> Result<PgConnection> {
        PgConnection::connect(self.postgres.as_str()).await.context("PostgreSQL does not respond")
    }

    /// Removes all databases, topics and groups of this run.
    pub async fn remove(&self) -> Result<()> {
        let databases = self.drop_databases().await;
        broker::delete(&self.kafka, &self.name).await.context("topics and groups of this run may remain on Kafka")?;
        databases.context("databases of this run may remain on PostgreSQL")
    }

    async fn drop_databases(&self) -> Result<()> {
        let mut server = self.server().await?;
        let sql = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
        let names: Vec<String> = sqlx::query_scalar(sql).bind(&self.name).fetch_all(&mut server).await?;
        for name in names {
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE \"{name}\" WITH (FORCE)"))).execute(&mut server).await?;
        }
        Ok(server.close().await?)
    }
}
