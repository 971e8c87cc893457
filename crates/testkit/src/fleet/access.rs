//! Access to the processes, topics and stores of a fleet.

use anyhow::{Context as _, Result, ensure};
use flotilla::manifest::GATEWAY;
use messaging::Status;

use crate::fleet::fixture::Fleet;
use crate::fleet::parts::Parts;
use crate::fleet::stores;
use crate::fleet::topics::Topics;
use crate::observe::{Api, metrics};

impl Fleet {
    /// The client of a process.
    pub fn api(&self, name: &str) -> Result<Api> {
        Ok(Api::new(self.client.clone(), self.url(name)?))
    }

    /// The client of the gateway.
    pub fn gateway(&self) -> Result<Api> {
        self.api(GATEWAY)
    }

    /// The messaging status of a process.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let response = self.operated(name)?.get("/messaging").await?.must_be(200)?;
        Ok(serde_json::from_value(response.body)?)
    }

    /// The sum of the samples of a metric of a process that have these labels.
    pub async fn metric(&self, name: &str, metric: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let url = format!("{}/metrics", self.url(name)?);
        let text = self.client.get(url).send().await?.error_for_status()?.text().await?;
        Ok(metrics::sum(&text, metric, labels))
    }

    /// The topics of the fleet.
    pub fn topics(&self) -> Topics {
        Topics::new(self.broker.clone())
    }

    /// The log of a process, over all its runs.
    pub fn log(&self, name: &str) -> Result<String> {
        Ok(self.process(name)?.log())
    }

    /// The command line of a process.
    pub fn arguments(&self, name: &str) -> Result<String> {
        self.process(name)?.arguments()
    }

    /// Executes a statement in the store of a context.
    pub async fn alter(&self, context: &str, sql: &str) -> Result<()> {
        stores::alter(self.store_url(context)?, sql).await.with_context(|| format!("{context}: {sql}"))
    }

    /// Locks the store of a context for a moment, if it is a file.
    pub async fn lock(&self, context: &str) -> Result<()> {
        stores::lock(self.store_url(context)?).await.with_context(|| format!("locking {context}"))
    }

    /// The number that a query of the store of a context returns. For state that no interface shows.
    pub async fn number(&self, context: &str, sql: &str) -> Result<i64> {
        stores::number(self.store_url(context)?, sql).await.with_context(|| format!("{context}: {sql}"))
    }

    /// Deletes the store of a context, which must not run.
    pub async fn empty_store(&self, context: &str) -> Result<()> {
        ensure!(!self.process(context)?.runs(), "{context} still runs");
        match &self.parts {
            Parts::Embedded => Ok(stores::remove_file(&self.process(context)?.spec.folder.join("store.db"))?),
            Parts::Servers(servers) => {
                let name = self.database(context);
                servers.drop(&name).await?;
                servers.create(&name).await
            }
        }
    }
}
