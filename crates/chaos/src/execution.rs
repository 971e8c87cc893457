use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use audit::{Journal, Report, Snapshot, Stores};
use testkit::eventually;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::clients::Clients;
use crate::fault::Fault;
use crate::hostile;
use crate::injector::FaultInjector;
use crate::load::Load;
use crate::scenario::Scenario;
use crate::schedule::Planned;

/// How often it is checked whether a process has ended by itself.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Settings of a run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Duration of load and faults.
    pub length: Duration,
    /// Cases per second.
    pub rate: u32,
    /// The seed of faults and load.
    pub seed: u64,
    /// How long the fleet may take to become quiescent.
    pub settle: Duration,
}

/// The outcome of a run.
pub struct Outcome {
    /// Why the fleet did not become quiescent in time, if it did not.
    pub unsettled: Option<String>,
    /// How long that took.
    pub settled_after: Duration,
    /// How often the greedy client was rejected, if it was started.
    pub rejections: Option<u64>,
    /// Numbers from the stores, each with its unit.
    pub counts: Vec<(usize, &'static str)>,
    /// The auditor's report.
    pub report: Report,
}

/// Runs load and faults; then waits until the fleet is quiescent, and audits it.
pub async fn execute(
    scenario: &'static Scenario,
    injector: &mut FaultInjector,
    clients: &Arc<Clients>,
    faults: &[Planned],
    settings: Settings,
) -> Result<Outcome> {
    let Settings { length, rate, seed, settle } = settings;
    let over = CancellationToken::new();
    let mut actors = (scenario.actors)(Load { clients: Arc::clone(clients), rate, seed, over: over.clone() });
    let _cancel_on_return = over.clone().drop_guard();
    inject(injector, clients, faults, length).await?;
    injector.revert_servers().await?;
    injector.hostile.delivered().await.context("the broker has not accepted the hostile records")?;
    over.cancel();
    while let Some(ended) = actors.join_next().await {
        ended?;
    }
    eprintln!("load and faults are over; waiting until the fleet is quiescent");
    let (began, mut unsettled) = (clients.timeline.now(), None);
    if let Err(reason) = quiescent(scenario, injector, clients, settle).await {
        unsettled = Some(format!("{reason:#}"));
    }
    let settled_after = clients.timeline.now().saturating_sub(began);
    let (counts, report) = audit(scenario, injector, clients).await?;
    Ok(Outcome { unsettled, settled_after, rejections: injector.greedy.rejections(), counts, report })
}

/// Injects and reverts the planned faults, and restarts processes that have ended by themselves, until the time is over.
async fn inject(
    injector: &mut FaultInjector,
    clients: &Arc<Clients>,
    faults: &[Planned],
    length: Duration,
) -> Result<()> {
    let begins = faults.iter().enumerate().map(|(index, planned)| (planned.from, index, true));
    let ends = faults.iter().enumerate().map(|(index, planned)| (planned.to, index, false));
    let mut steps: Vec<_> = begins.chain(ends).collect();
    steps.sort();
    let mut entries = vec![None; faults.len()];
    for (at, index, begins) in steps {
        wait_until(at, injector, clients).await?;
        let fault = &faults[index].fault;
        let Fault { kind, target } = fault;
        if begins {
            entries[index] = Some(clients.timeline.injected(&kind.to_string(), target));
            injector.inject(fault).await.with_context(|| format!("{kind} on {target}"))?;
            print(clients, &kind.to_string(), target);
        } else {
            let (clients, entry) = (Arc::clone(clients), entries[index].take());
            let reverted = move || entry.into_iter().for_each(|entry| clients.timeline.reverted(entry));
            injector.revert(fault, reverted).await.with_context(|| format!("reverting {kind} on {target}"))?;
        }
    }
    wait_until(length, injector, clients).await
}

/// Shows the progress of a run.
fn print(clients: &Clients, kind: &str, target: &str) {
    eprintln!("{:7.1} s  {kind:<32} {target}", clients.timeline.now().as_secs_f64());
}

async fn wait_until(time: Duration, injector: &mut FaultInjector, clients: &Clients) -> Result<()> {
    let mut polls = interval(POLL_INTERVAL);
    while let Some(left) = time.checked_sub(clients.timeline.now()) {
        tokio::select! {
            () = sleep(left) => {}
            _ = polls.tick() => restart_ended(injector, clients)?,
        }
    }
    restart_ended(injector, clients)
}

fn restart_ended(injector: &mut FaultInjector, clients: &Clients) -> Result<()> {
    for (name, exit) in injector.restart_ended()? {
        print(clients, &exit, &name);
        clients.timeline.unexpected(exit, &name);
    }
    Ok(())
}

/// Waits until all processes are ready, no row is in progress, and no event is in flight.
async fn quiescent(
    scenario: &Scenario,
    injector: &mut FaultInjector,
    clients: &Clients,
    limit: Duration,
) -> Result<()> {
    let deadline = clients.timeline.now() + limit;
    let left = || deadline.saturating_sub(clients.timeline.now());
    while let Err(reason) = injector.fleet.ready().await {
        ensure!(!left().is_zero(), "not ready: {reason:#}");
        restart_ended(injector, clients)?;
    }
    let fleet = &injector.fleet;
    eventually(left(), "no row is in progress", async || {
        for (context, count) in scenario.fleet.in_progress() {
            let in_progress = fleet.number(context, &count).await?;
            ensure!(in_progress == 0, "{count}: {in_progress}");
        }
        Ok(())
    })
    .await?;
    fleet.settled(left()).await
}

async fn audit(
    scenario: &'static Scenario,
    injector: &mut FaultInjector,
    clients: &Clients,
) -> Result<(Vec<(usize, &'static str)>, Report)> {
    let fleet = scenario.fleet;
    let stores = Stores::read(fleet.contexts, &injector.fleet.stores()?).await?;
    let broker = injector.fleet.broker();
    let journal = tokio::task::spawn_blocking(move || Journal::read(&broker, &fleet.context_names())).await??;
    let positions = injector.hostile.delivered().await?;
    let rejected = hostile::judge(&journal, positions, scenario.consumers);
    let journal = journal.without(&positions.iter().cloned().collect());
    let history = clients.observed().history.clone();
    let snapshot = Snapshot { fleet, stores: &stores, journal: &journal, client_history: Some(&history) };
    let mut report = snapshot.judge();
    report.verdicts.push(rejected);
    Ok(((scenario.counts)(&stores), report))
}
