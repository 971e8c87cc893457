//! Where a run takes place: names that nobody else has, on the Kafka and the PostgreSQL it was given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, SystemClock};
use anyhow::{Context as _, Result};
use flotilla::fleets;
use flotilla::plan::{Broker, Plan, Settings, Stores};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use url::Url;

use crate::args::Args;
use crate::ports;

/// The fleet that is measured.
const FLEET: &str = "matching";

/// Partitions of each topic, as the services create them.
const PARTITIONS: i32 = 6;

/// How long Kafka may take over one request of an administrator.
const ADMIN_LIMIT: Duration = Duration::from_secs(10);

/// Stands for the name of a database in a URL.
const DATABASE: &str = "database-of-the-bench";

/// Where a run takes place.
pub struct Site {
    /// What all its fleets, databases and topics begin with.
    pub name: String,
    /// The folder of the binaries.
    pub binaries: PathBuf,
    /// Logs and embedded stores.
    pub dir: TempDir,
    /// The broker.
    pub kafka: String,
    /// The database server.
    pub postgres: Url,
    /// Connections of each service to its store.
    pub connections: u32,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<Ids>,
}

impl Site {
    /// A site with a fresh name.
    pub fn new(args: &Args) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Arc::new(Ids::from_entropy(Arc::clone(&clock)));
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(""));
        Ok(Self {
            name: format!("bench-{:x}", ids.number()),
            binaries: std::path::absolute(args.binaries.clone().map_or_else(beside, Ok)?)?,
            dir: TempDir::with_prefix("flotilla-bench.")?,
            kafka: args.kafka.clone(),
            postgres: args.postgres.parse().context("the URL of PostgreSQL")?,
            connections: args.connections,
            clock,
            ids,
        })
    }

    /// The name of one fleet of this run.
    pub fn fleet(&self, of: &str) -> String {
        format!("{}-{of}", self.name)
    }

    /// A fleet on Kafka and PostgreSQL, on ports that are free now.
    pub fn plan(&self, fleet: &str) -> Result<Plan> {
        let mut known = fleets::find(Some(FLEET), None)?;
        fleet.clone_into(&mut known.manifest.name);
        let names = known.manifest.contexts.iter().map(|context| context.name.clone());
        let ports = ports::free(names.chain(["gateway".to_owned()]))?;
        let settings = Settings {
            broker: Broker::External(self.kafka.clone()),
            stores: Stores::External(self.url("{fleet}-{context}")),
            ports,
            ..Settings::embedded(self.dir.path().join(fleet), &self.binaries)
        };
        let mut plan = Plan::new(&known, &settings)?;
        for process in &mut plan.processes {
            process.env.insert("STORE_CONNECTIONS".to_owned(), self.connections.to_string());
        }
        Ok(plan)
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        let mut url = self.postgres.clone();
        url.set_path(DATABASE);
        url.to_string().replace(DATABASE, database)
    }

    /// A connection to what was given as PostgreSQL.
    pub async fn server(&self) -> Result<PgConnection> {
        PgConnection::connect(self.postgres.as_str()).await.context("PostgreSQL does not answer")
    }

    /// The database of a context of a fleet; it is made if it is not there.
    pub async fn database(&self, fleet: &str, context: &str) -> Result<String> {
        let url = self.url(&format!("{fleet}-{context}"));
        store::create_database(&url).await?;
        Ok(url)
    }

    /// Creates a topic of a fleet, as its services would.
    pub async fn topic(&self, topic: &str) -> Result<()> {
        let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
        let outcomes = self.admin()?.create_topics(&[new], &options()).await?;
        outcomes.into_iter().try_for_each(|outcome| match outcome {
            Ok(_) => Ok(()),
            Err((topic, code)) => anyhow::bail!("{topic}: {code}"),
        })
    }

    /// Removes all databases, topics and groups of this run.
    pub async fn clear(&self) -> Result<()> {
        let databases = self.drop_databases().await;
        self.delete_topics().await.context("topics and groups of the bench may be left on Kafka")?;
        databases.context("databases of the bench may be left on PostgreSQL")
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

    async fn delete_topics(&self) -> Result<()> {
        let (brokers, name) = (self.kafka.clone(), self.name.clone());
        let (topics, groups) = tokio::task::spawn_blocking(move || ours(&brokers, &name)).await??;
        let admin = self.admin()?;
        for names in topics.chunks(50).filter(|names| !names.is_empty()) {
            admin.delete_topics(&names.iter().map(String::as_str).collect::<Vec<_>>(), &options()).await?;
        }
        for names in groups.chunks(50).filter(|names| !names.is_empty()) {
            admin.delete_groups(&names.iter().map(String::as_str).collect::<Vec<_>>(), &options()).await?;
        }
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(kafka_client(&self.kafka).create()?)
    }
}

/// A client of the broker, without anything set that matters to what is measured.
pub fn kafka_client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ADMIN_LIMIT)).operation_timeout(Some(ADMIN_LIMIT))
}

/// Topics and groups whose names begin with `name`. Blocks.
fn ours(brokers: &str, name: &str) -> Result<(Vec<String>, Vec<String>)> {
    let client: BaseConsumer = kafka_client(brokers).create()?;
    let metadata = client.fetch_metadata(None, ADMIN_LIMIT)?;
    let topics = metadata.topics().iter().map(|topic| topic.name().to_owned());
    let list = client.fetch_group_list(None, ADMIN_LIMIT)?;
    let groups = list.groups().iter().map(|group| group.name().to_owned());
    let ours = |known: &String| known.starts_with(name);
    Ok((topics.filter(ours).collect(), groups.filter(ours).collect()))
}
