//! The processes of a fleet during a measurement.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use flotilla::plan::{Plan, ProcessSpec, Role};
use flotilla::process::Process;
use flotilla::ready::Probe;
use futures_util::future::join_all;
use messaging::Status;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::http::{Client, get};

/// Time limit for a process to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Time limit for a process to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// The last requests of a load generator end within this time after it.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// Time limit for all consumers to catch up. Beyond it there is no steady state.
const CATCH_UP_TIMEOUT: Duration = Duration::from_mins(1);

/// The interval of the checks whether the consumers have caught up.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The processes. Dropping it kills them.
pub struct RunningFleet {
    /// The name of the fleet.
    pub name: String,
    members: Vec<Member>,
}

struct Member {
    name: String,
    role: Role,
    address: SocketAddr,
    process: Process,
}

impl RunningFleet {
    /// Starts the whole fleet of a plan, with new databases.
    pub async fn start(environment: &Environment, plan: &Plan) -> Result<Self> {
        Self::start_some(environment, plan, |_| true).await
    }

    /// Starts some contexts of a plan.
    pub async fn start_some(environment: &Environment, plan: &Plan, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        flotilla::folder::lay_out(plan)?;
        let probe = Probe::new()?;
        let mut fleet = Self { name: plan.fleet.clone(), members: Vec::new() };
        let specs = || plan.processes.iter().filter(|spec| wanted(&spec.name));
        for spec in specs() {
            if spec.role == Role::Context {
                store::create_database(&environment.store_url(plan, &spec.name)).await?;
            }
            let process = Process::start(spec).with_context(|| spec.program.display().to_string())?;
            fleet.members.push(Member { name: spec.name.clone(), role: spec.role, address: spec.listen, process });
        }
        for spec in specs() {
            if timeout(READY_TIMEOUT, probe.until_ready(spec)).await.is_err() {
                bail!("{} is not ready; its log:\n{}", spec.name, fleet.last_lines(spec));
            }
        }
        Ok(fleet)
    }

    fn last_lines(&self, spec: &ProcessSpec) -> String {
        let member = self.members.iter().find(|member| member.name == spec.name);
        member.and_then(|member| member.process.last_lines(&spec.log(), 10).ok()).unwrap_or_default().join("\n")
    }

    /// Stops all processes.
    pub async fn stop(self) {
        let never = CancellationToken::new();
        let stops = self.members.into_iter().map(|mut member| {
            let never = never.clone();
            async move { member.process.stop(GRACE, &never).await.map(drop) }
        });
        join_all(stops).await;
    }

    /// The address of a process.
    pub fn address(&self, name: &str) -> Result<SocketAddr> {
        let member = self.members.iter().find(|member| member.name == name);
        member.map(|member| member.address).with_context(|| format!("{name} does not run"))
    }

    /// The ids of the processes, by name.
    pub fn pids(&self) -> BTreeMap<String, u32> {
        self.members.iter().filter_map(|member| Some((member.name.clone(), member.process.id()?))).collect()
    }

    /// Waits until the last requests have ended, all outboxes are empty, and all events are consumed and committed.
    pub async fn catch_up(&self) -> Result<()> {
        sleep(LAST_REQUESTS).await;
        let deadline = Instant::now() + CATCH_UP_TIMEOUT;
        // An event that was consumed between two checks may have led to another one: two in a row must succeed.
        let mut succeeded = 0;
        while succeeded < 2 {
            ensure!(Instant::now() < deadline, "the consumers have not caught up within {CATCH_UP_TIMEOUT:?}");
            sleep(POLL_INTERVAL).await;
            succeeded = if self.is_caught_up().await? { succeeded + 1 } else { 0 };
        }
        Ok(())
    }

    async fn is_caught_up(&self) -> Result<bool> {
        for member in self.members.iter().filter(|member| member.role == Role::Context) {
            let mut client = Client::new(member.address);
            let response = client.send(&get("/messaging")).await?;
            ensure!(response.status == 200, "{} answers {} to /messaging", member.name, response.status);
            let status: Status = serde_json::from_slice(response.body)?;
            if status.outbox_depth > 0 || status.consumer.is_none_or(|consumer| consumer.lag > 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Starts these contexts of a plan and stops them: they have created their stores then.
pub async fn create_stores(environment: &Environment, plan: &Plan, contexts: &BTreeSet<&str>) -> Result<()> {
    RunningFleet::start_some(environment, plan, |name| contexts.contains(name)).await?.stop().await;
    Ok(())
}

/// Creates the store of a context and fills it by statements whose `$1` is `count`.
pub async fn fill_store(
    environment: &Environment,
    plan: &Plan,
    context: &str,
    statements: &[String],
    count: i64,
) -> Result<()> {
    create_stores(environment, plan, &BTreeSet::from([context])).await?;
    let mut connection = PgConnection::connect(&environment.store_url(plan, context)).await?;
    for sql in statements {
        sqlx::query(AssertSqlSafe(sql.clone())).bind(count).execute(&mut connection).await?;
    }
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// The number of events that a consumer has applied, by its metrics.
pub async fn applied_events(client: &mut Client) -> Result<i64> {
    let response = client.send(&get("/metrics")).await?;
    Ok(counter(&String::from_utf8_lossy(response.body), "consumer_events_total{outcome=\"applied\"}").unwrap_or(0))
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
