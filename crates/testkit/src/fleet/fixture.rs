//! The fixture: how a fleet is made and removed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use flotilla::fleets::Fleet as Description;
use flotilla::folder;
use flotilla::manifest::{BROKER, CONTEXT_FILE, GATEWAY};
use flotilla::plan::{Broker, Plan, Role, Settings, Stores};
use flotilla::ready::Probe;
use messaging::{Security, admin};
use reqwest::Client;
use tempfile::TempDir;

use crate::fleet::credentials::Credentials;
use crate::fleet::parts::Parts;
use crate::fleet::process::TestProcess;
use crate::fleet::template::FleetTemplate;
use crate::observe::api;

/// The name of the description in the folder of a fleet.
pub(crate) const DESCRIPTION: &str = "fleet.toml";

/// The prefix of the folder of every fleet. It contains the special characters of URLs, shells and templates, so that every
/// test covers such a folder.
const FOLDER_PREFIX: &str = "flotilla #1 50% %41 ?é'\"{gateway}$HOME-";

/// A fleet of real processes with its own folder, ports, topics and databases.
///
/// Processes have their names in `fleet.toml`. Further processes: the gateway, the embedded broker, and replicas such as
/// `crane-2`.
pub struct Fleet {
    pub(crate) parts: Parts,
    pub(crate) plan: Plan,
    pub(crate) broker: messaging::Config,
    pub(crate) processes: BTreeMap<String, TestProcess>,
    /// Ports for replicas.
    pub(crate) free_ports: Box<dyn Iterator<Item = u16>>,
    pub(crate) probe: Probe,
    pub(crate) client: Client,
    /// Present once authentication is enabled.
    pub(crate) credentials: Option<Credentials>,
    // The last field, because fields are dropped in order: the folder is removed after the processes have ended.
    folder: TempDir,
}

impl FleetTemplate {
    /// Makes a fleet with a new folder and new databases, whose name begins with `prefix`. No process is started.
    /// [`Fleet::end`] removes the fleet.
    pub async fn fleet(&self, parts: &Parts, prefix: &str) -> Result<Fleet> {
        Fleet::on(self, parts, format!("{prefix}-{:x}", self.ids.number())).await
    }
}

impl Fleet {
    /// Makes a fleet with a new folder and new databases. No process is started.
    pub(crate) async fn on(template: &FleetTemplate, parts: &Parts, name: String) -> Result<Self> {
        let mut description = template.description.clone();
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir()?;
        // The declaration, not a comment before it that names the fleet.
        let declared = |name: &str| format!("name = \"{name}\"");
        let renamed = template.manifest.replacen(&declared(&description.manifest.name), &declared(&name), 1);
        fs::write(folder.path().join(DESCRIPTION), renamed)?;
        for context in &description.contexts {
            fs::create_dir(folder.path().join(&context.folder))?;
            fs::write(folder.path().join(&context.folder).join(CONTEXT_FILE), &context.text)?;
        }
        fs::write(folder.path().join(&description.manifest.gateway.routes), &description.routes)?;
        if let Some((file, text)) = &description.openapi {
            fs::write(folder.path().join(file), text)?;
        }
        description.manifest.name = name;
        let mut free: Box<dyn Iterator<Item = u16>> = Box::new(free_ports(template.ids.number()));
        let settings = settings(&description, template, parts, &folder, &mut free)?;
        let plan = Plan::new(&description, &settings)?;
        folder::lay_out(&plan)?;
        let processes = plan.processes.iter().map(|spec| (spec.name.clone(), TestProcess::new(spec.clone()))).collect();
        let (probe, client) = (Probe::new()?, api::client()?);
        let broker = admin::config(&plan.brokers, &plan.security, &plan.fleet)?;
        let (own_parts, credentials) = (parts.clone(), None);
        let fleet =
            Self { parts: own_parts, plan, broker, processes, free_ports: free, probe, client, credentials, folder };
        if let Parts::Servers(servers) = parts {
            for context in fleet.contexts() {
                servers.create(&fleet.database(&context)).await?;
            }
        }
        Ok(fleet)
    }

    /// The name of each context.
    pub fn contexts(&self) -> Vec<String> {
        let contexts = self.plan.processes.iter().filter(|spec| spec.role == Role::Context);
        contexts.map(|spec| spec.name.clone()).collect()
    }

    /// The name of the fleet and the prefix of its topics.
    pub fn name(&self) -> &str {
        &self.plan.fleet
    }

    /// The connection to the broker and the names of the topics.
    pub fn broker(&self) -> messaging::Config {
        self.broker.clone()
    }

    /// The addresses of the broker.
    pub(crate) fn brokers(&self) -> &str {
        &self.plan.brokers
    }

    /// The URL of the store of each context, without proxies.
    pub fn stores(&self) -> Result<BTreeMap<String, String>> {
        let url = |context: &String| match &self.parts {
            Parts::Embedded => self.store_url(context).map(str::to_owned),
            Parts::Servers(servers) => Ok(servers.database(&self.database(context))),
        };
        self.contexts().into_iter().map(|context| Ok((context.clone(), url(&context)?))).collect()
    }

    /// The path of a file in the folder of the fleet, for the test.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// The broker and the stores.
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The last lines of all logs.
    pub(crate) fn log_excerpts(&self) -> String {
        self.processes.values().map(TestProcess::log_excerpt).collect()
    }

    /// Kills all processes; deletes the databases and topics on servers.
    pub async fn end(mut self) -> Result<()> {
        self.kill_all().await?;
        let Parts::Servers(servers) = &self.parts else { return Ok(()) };
        for context in self.contexts() {
            servers.drop(&self.database(&context)).await?;
        }
        self.topics().delete().await
    }

    /// Kills all processes and keeps topics, databases and the folder for diagnosis. Returns the folder.
    pub async fn keep(mut self) -> Result<PathBuf> {
        self.kill_all().await?;
        Ok(self.folder.keep())
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = &TestProcess> {
        self.processes.values()
    }

    /// The base URL of a process.
    pub fn url(&self, name: &str) -> Result<String> {
        Ok(self.process(name)?.spec.url())
    }

    pub(crate) fn database(&self, context: &str) -> String {
        format!("{}_{context}", self.plan.fleet)
    }

    pub(crate) fn store_url(&self, context: &str) -> Result<&str> {
        let url = self.process(context)?.spec.env.get("STORE_URL");
        url.map(String::as_str).with_context(|| format!("{context} has no store"))
    }

    pub(crate) fn process(&self, name: &str) -> Result<&TestProcess> {
        self.processes.get(name).with_context(|| format!("there is no process {name}"))
    }

    pub(crate) fn process_mut(&mut self, name: &str) -> Result<&mut TestProcess> {
        self.processes.get_mut(name).with_context(|| format!("there is no process {name}"))
    }
}

fn settings(
    description: &Description,
    template: &FleetTemplate,
    parts: &Parts,
    folder: &TempDir,
    free: &mut impl Iterator<Item = u16>,
) -> Result<Settings> {
    let mut settings = Settings::embedded(folder.path(), &template.binaries);
    if let Parts::Servers(servers) = parts {
        settings.broker = Broker::External(servers.kafka.clone());
        settings.security = Security::from_env()?;
        settings.stores = Stores::External(servers.database("{fleet}_{context}"));
    }
    let contexts = description.manifest.contexts.iter().map(|context| context.name.as_str());
    for name in contexts.chain([GATEWAY, BROKER]) {
        settings.ports.insert(name.to_owned(), free.next().context("no free port")?);
    }
    Ok(settings)
}

/// Free ports below the ephemeral ports of the kernel: an outgoing connection could occupy the port of a stopped process.
fn free_ports(seed: i64) -> impl Iterator<Item = u16> {
    let from = u16::try_from(seed.rem_euclid(20_000)).unwrap_or_default() + 10_000;
    (from..32_000).chain(10_000..from).filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use flotilla::fleets;

    use super::*;

    #[tokio::test]
    async fn a_fleet_has_a_description_of_its_own_with_all_contexts() {
        let folder = tempfile::tempdir().unwrap();
        let description = folder.path().join(DESCRIPTION);
        fs::write(&description, "# harbour\nname = \"harbour\"\n[gateway]\nport = 1\nroutes = \"routes.toml\"\n")
            .unwrap();
        fs::write(folder.path().join("routes.toml"), "").unwrap();
        fs::create_dir(folder.path().join("crane")).unwrap();
        fs::write(folder.path().join("crane").join(CONTEXT_FILE), "name = \"crane\"\nport = 2\n").unwrap();
        let template = FleetTemplate::new(&description, "bin".into()).unwrap();
        let fleet = template.fleet(&Parts::Embedded, "mine").await.unwrap();
        let own = fleets::find(fleet.path(DESCRIPTION).to_str(), None).unwrap().manifest;
        assert_eq!((own.name.as_str(), own.contexts[0].name.as_str()), (fleet.name(), "crane"));
    }
}
