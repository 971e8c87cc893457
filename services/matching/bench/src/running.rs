//! Processes of a fleet while they are measured.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use flotilla::plan::{Plan, Role};
use flotilla::process::Process;
use flotilla::ready::Probe;
use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http::{Client, get};
use crate::site::Site;

/// How long a process may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long it may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Processes that run. Dropping it kills them.
pub struct Running {
    processes: Vec<Member>,
}

struct Member {
    name: String,
    address: SocketAddr,
    process: Process,
}

impl Running {
    /// Starts the whole fleet of a plan, on databases that are made for it.
    pub async fn start(site: &Site, plan: &Plan) -> Result<Self> {
        Self::start_some(site, plan, |_| true).await
    }

    /// Starts one context of a plan.
    pub async fn start_one(site: &Site, plan: &Plan, context: &str) -> Result<Self> {
        Self::start_some(site, plan, |name| name == context).await
    }

    async fn start_some(site: &Site, plan: &Plan, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        flotilla::folder::lay_out(plan)?;
        let probe = Probe::new()?;
        let mut running = Self { processes: Vec::new() };
        let specs = || plan.processes.iter().filter(|spec| wanted(&spec.name));
        for spec in specs() {
            if spec.role == Role::Context {
                site.database(&plan.fleet, &spec.name).await?;
            }
            let process = Process::start(spec).with_context(|| spec.program.display().to_string())?;
            running.processes.push(Member { name: spec.name.clone(), address: spec.listen, process });
        }
        for spec in specs() {
            if timeout(READY_WITHIN, probe.until_ready(spec)).await.is_err() {
                bail!("{} is not ready; its log:\n{}", spec.name, running.last_lines(spec));
            }
        }
        Ok(running)
    }

    fn last_lines(&self, spec: &flotilla::plan::ProcessSpec) -> String {
        let member = self.processes.iter().find(|member| member.name == spec.name);
        member.and_then(|member| member.process.last_lines(&spec.log(), 10).ok()).unwrap_or_default().join("\n")
    }

    /// Stops all of them, in the order of a fleet's end.
    pub async fn stop(self) {
        let never = CancellationToken::new();
        let stops = self.processes.into_iter().map(|mut member| {
            let never = never.clone();
            async move { member.process.stop(GRACE, &never).await.map(drop) }
        });
        join_all(stops).await;
    }

    /// Where a process listens.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        let member = self.processes.iter().find(|member| member.name == name);
        member.map(|member| member.address).with_context(|| format!("{name} does not run"))
    }

    /// The ids of the processes that run, by name.
    pub fn pids(&self) -> BTreeMap<String, u32> {
        self.processes.iter().filter_map(|member| Some((member.name.clone(), member.process.id()?))).collect()
    }

    /// Events that the consumer of a context has applied.
    pub async fn applied(&self, context: &str) -> Result<i64> {
        let mut client = Client::new(self.address(context)?);
        applied(&mut client).await
    }
}

/// Events that a consumer has applied, by its own metrics.
pub async fn applied(client: &mut Client) -> Result<i64> {
    let answer = client.ask(&get("/metrics")).await?;
    Ok(counter(&String::from_utf8_lossy(answer.body), "consumer_events_total{outcome=\"applied\"}").unwrap_or(0))
}

fn counter(metrics: &str, name: &str) -> Option<i64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_name_and_label() {
        let text = "# TYPE a counter\na{outcome=\"dead\"} 3\na{outcome=\"applied\"} 17\n";
        assert_eq!(counter(text, "a{outcome=\"applied\"}"), Some(17));
        assert_eq!(counter(text, "b"), None);
    }
}
