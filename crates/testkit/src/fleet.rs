use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;

use anyhow::{Context as _, Result, ensure};
use flotilla::fleets::Fleet as Described;
use flotilla::folder;
use flotilla::manifest::{BROKER, GATEWAY};
use flotilla::plan::{Broker, Plan, Role, Settings, Stores};
use flotilla::ready::Probe;
use futures_util::future::try_join_all;
use messaging::{Security, Status, admin};
use reqwest::Client;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::identified::Identified;
use crate::member::Member;
use crate::parts::Parts;
use crate::{Api, Ground, Topics, api, metrics, stores};

/// The description of a fleet, in its folder, for whoever operates it.
pub(crate) const DESCRIPTION: &str = "fleet.toml";

/// A fleet of real processes: its folder, ports, topics and databases are its own.
///
/// Processes are named as in `fleet.toml`; there is also the gateway, the embedded broker, and replicas such as `crane-2`.
pub struct Fleet {
    pub(crate) parts: Parts,
    pub(crate) plan: Plan,
    broker: messaging::Config,
    pub(crate) members: BTreeMap<String, Member>,
    /// Ports for replicas.
    free_ports: Box<dyn Iterator<Item = u16>>,
    pub(crate) probe: Probe,
    client: Client,
    /// Who asks, if it asks that.
    pub(crate) identified: Option<Identified>,
    // Removed after the processes are gone: fields are dropped in this order.
    folder: TempDir,
}

impl Fleet {
    /// A fleet of which nothing runs yet, in a new folder, with new databases.
    pub(crate) async fn new(ground: &Ground, parts: &Parts, name: String) -> Result<Self> {
        let mut described = ground.fleet.clone();
        let folder = tempfile::Builder::new().prefix("flotilla-test-").tempdir()?;
        let renamed = ground.text.replacen(&described.manifest.name, &name, 1);
        fs::write(folder.path().join(DESCRIPTION), renamed)?;
        fs::write(folder.path().join(&described.manifest.gateway.routes), &described.routes)?;
        if let Some((file, text)) = &described.openapi {
            fs::write(folder.path().join(file), text)?;
        }
        described.manifest.name = name;
        let mut free: Box<dyn Iterator<Item = u16>> = Box::new(free_ports(ground.ids.number()));
        let settings = settings(&described, ground, parts, &folder, &mut free)?;
        let plan = Plan::new(&described, &settings)?;
        folder::lay_out(&plan)?;
        let members = plan.processes.iter().map(|spec| (spec.name.clone(), Member::new(spec.clone()))).collect();
        let (probe, client) = (Probe::new()?, api::client()?);
        let broker = admin::config(&plan.brokers, &plan.security, &plan.fleet)?;
        let (parts_of, identified) = (parts.clone(), None);
        let fleet =
            Self { parts: parts_of, plan, broker, members, free_ports: free, probe, client, identified, folder };
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

    /// Its name, which is the first part of the names of its topics.
    pub fn name(&self) -> &str {
        &self.plan.fleet
    }

    /// How its broker is reached, and how its topics are called.
    pub fn broker(&self) -> messaging::Config {
        self.broker.clone()
    }

    /// Where its broker is.
    pub(crate) fn brokers(&self) -> &str {
        &self.plan.brokers
    }

    /// Where the store of each context is, past all wires.
    pub fn stores(&self) -> Result<BTreeMap<String, String>> {
        let url = |context: &String| match &self.parts {
            Parts::Embedded => self.store_url(context).map(str::to_owned),
            Parts::Servers(servers) => Ok(servers.database(&self.database(context))),
        };
        self.contexts().into_iter().map(|context| Ok((context.clone(), url(&context)?))).collect()
    }

    /// Sets a variable of a process (and of replicas made later), for its next start.
    pub fn set(&mut self, name: &str, variable: &str, value: impl Into<String>) -> Result<()> {
        let value = value.into();
        self.member_mut(name)?.spec.env.insert(variable.to_owned(), value.clone());
        let planned = self.plan.processes.iter_mut().filter(|spec| spec.name == name);
        planned.for_each(|spec| drop(spec.env.insert(variable.to_owned(), value.clone())));
        Ok(())
    }

    /// A file in the fleet's folder, for the test's own use.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Starts everything that does not run, and waits until all of it is ready.
    pub async fn start_all(&mut self) -> Result<()> {
        let (brokers, others): (Vec<_>, Vec<_>) =
            self.members.values_mut().filter(|member| !member.runs()).partition(|m| m.spec.role == Role::Broker);
        for mut members in [brokers, others] {
            members.iter_mut().try_for_each(|member| member.begin())?;
            try_join_all(members.iter_mut().map(|member| member.ready(&self.probe))).await?;
        }
        Ok(())
    }

    /// Starts a process, on what its last run has left, and waits until it is ready.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        let probe = self.probe.clone();
        let member = self.member_mut(name)?;
        member.begin()?;
        member.ready(&probe).await
    }

    /// `kill -9`.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let member = self.member_mut(name)?;
        ensure!(member.runs(), "{name} does not run");
        member.kill().await
    }

    /// `kill -9` of all at once.
    pub async fn kill_all(&mut self) -> Result<()> {
        // All get their signal before the first one's end is awaited.
        for member in self.members.values().filter(|member| member.runs()) {
            member.signal(Signal::KILL)?;
        }
        for member in self.members.values_mut() {
            member.kill().await?;
        }
        Ok(())
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(&mut self, name: &str) -> Result<ExitStatus> {
        self.member_mut(name)?.stop().await
    }

    /// SIGTERM, without waiting for the end.
    pub fn terminate(&self, name: &str) -> Result<()> {
        self.member(name)?.signal(Signal::TERM)
    }

    /// Keeps a process from doing anything, until [`Fleet::resume`].
    pub fn pause(&self, name: &str) -> Result<()> {
        self.member(name)?.signal(Signal::STOP)
    }

    /// Lets a paused process go on.
    pub fn resume(&self, name: &str) -> Result<()> {
        self.member(name)?.signal(Signal::CONT)
    }

    /// Starts one more process of a context, on the same store, and tells its name.
    pub async fn replicate(&mut self, context: &str) -> Result<String> {
        let is_new = |number: &u32| !self.members.contains_key(&format!("{context}-{number}"));
        let number = (2..100).find(is_new).context("too many replicas")?;
        let port = self.free_ports.next().context("no free port")?;
        let spec = self.plan.replica(context, number, port).with_context(|| format!("no context {context}"))?;
        let name = spec.name.clone();
        self.members.insert(name.clone(), Member::new(spec));
        self.start(&name).await?;
        Ok(name)
    }

    /// Asks a process.
    pub fn api(&self, name: &str) -> Result<Api> {
        Ok(Api::new(self.client.clone(), self.url(name)?))
    }

    /// Asks the fleet as everybody does.
    pub fn gateway(&self) -> Result<Api> {
        self.api(GATEWAY)
    }

    /// How a process's messaging stands.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let answer = self.operated(name)?.get("/messaging").await?.must_be(200)?;
        Ok(serde_json::from_value(answer.body)?)
    }

    /// The sum of a process's samples of a metric that have these labels.
    pub async fn metric(&self, name: &str, metric: &str, labels: &[(&str, &str)]) -> Result<f64> {
        let url = format!("{}/metrics", self.url(name)?);
        let text = self.client.get(url).send().await?.error_for_status()?.text().await?;
        Ok(metrics::sum(&text, metric, labels))
    }

    /// The fleet's topics.
    pub fn topics(&self) -> Topics {
        Topics::new(self.broker.clone())
    }

    /// All that a process has written, over all its runs.
    pub fn log(&self, name: &str) -> Result<String> {
        Ok(self.member(name)?.log())
    }

    /// The command line of a process.
    pub fn arguments(&self, name: &str) -> Result<String> {
        self.member(name)?.arguments()
    }

    /// Changes the store of a context behind its back.
    pub async fn alter(&self, context: &str, sql: &str) -> Result<()> {
        stores::alter(self.store_url(context)?, sql).await.with_context(|| format!("{context}: {sql}"))
    }

    /// Keeps the store of a context locked for a moment, if it is a file.
    pub async fn lock(&self, context: &str) -> Result<()> {
        stores::lock(self.store_url(context)?).await.with_context(|| format!("locking {context}"))
    }

    /// What it stands on.
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The one number that a query of a context's store gives: for what no interface tells.
    pub async fn number(&self, context: &str, sql: &str) -> Result<i64> {
        stores::number(self.store_url(context)?, sql).await.with_context(|| format!("{context}: {sql}"))
    }

    /// Makes the store of a context, which must not run, as if it had never been there.
    pub async fn empty_store(&self, context: &str) -> Result<()> {
        ensure!(!self.member(context)?.runs(), "{context} still runs");
        match &self.parts {
            Parts::Embedded => Ok(stores::remove_file(&self.member(context)?.spec.folder.join("store.db"))?),
            Parts::Servers(servers) => {
                let name = self.database(context);
                servers.drop(&name).await?;
                servers.create(&name).await
            }
        }
    }

    /// The ends of all logs.
    pub(crate) fn tails(&self) -> String {
        self.members.values().map(Member::tail).collect()
    }

    /// Kills what still runs, and removes what is not in the folder.
    pub async fn end(mut self) -> Result<()> {
        self.kill_all().await?;
        let Parts::Servers(servers) = &self.parts else { return Ok(()) };
        for context in self.contexts() {
            servers.drop(&self.database(&context)).await?;
        }
        self.topics().delete().await
    }

    /// Kills what still runs, and leaves the rest for whoever looks for a cause: topics, databases, and this folder.
    pub async fn keep(mut self) -> Result<PathBuf> {
        self.kill_all().await?;
        Ok(self.folder.keep())
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Where a process is.
    pub fn url(&self, name: &str) -> Result<String> {
        Ok(self.member(name)?.spec.url())
    }

    fn database(&self, context: &str) -> String {
        format!("{}_{context}", self.plan.fleet)
    }

    pub(crate) fn store_url(&self, context: &str) -> Result<&str> {
        let url = self.member(context)?.spec.env.get("STORE_URL");
        url.map(String::as_str).with_context(|| format!("{context} has no store"))
    }

    pub(crate) fn member(&self, name: &str) -> Result<&Member> {
        self.members.get(name).with_context(|| format!("there is no process {name}"))
    }

    pub(crate) fn member_mut(&mut self, name: &str) -> Result<&mut Member> {
        self.members.get_mut(name).with_context(|| format!("there is no process {name}"))
    }
}

fn settings(
    described: &Described,
    ground: &Ground,
    parts: &Parts,
    folder: &TempDir,
    free: &mut impl Iterator<Item = u16>,
) -> Result<Settings> {
    let mut settings = Settings::embedded(folder.path(), &ground.binaries);
    if let Parts::Servers(servers) = parts {
        settings.broker = Broker::External(servers.kafka.clone());
        settings.security = Security::from_env()?;
        settings.stores = Stores::External(servers.database("{fleet}_{context}"));
    }
    let contexts = described.manifest.contexts.iter().map(|context| context.name.as_str());
    for name in contexts.chain([GATEWAY, BROKER]) {
        settings.ports.insert(name.to_owned(), free.next().context("no free port")?);
    }
    Ok(settings)
}

/// Free ports below those that the kernel gives to outgoing connections: one of these could sit on the port of a process
/// while it is down.
fn free_ports(seed: i64) -> impl Iterator<Item = u16> {
    let from = u16::try_from(seed.rem_euclid(20_000)).unwrap_or_default() + 10_000;
    (from..32_000).chain(10_000..from).filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
}
