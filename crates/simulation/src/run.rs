use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use audit::{Report, Snapshot, Stores};
use tokio::time::{Instant, sleep};

use crate::clients::Clients;
use crate::faults;
use crate::oracles;
use crate::scenario::Scenario;
use crate::{Mutant, TraceLine, World, simulate};

/// How long the fleet may take to become quiescent after the last fault.
const QUIESCENCE_TIMEOUT: Duration = Duration::from_mins(2);

/// How often the laws are checked until then.
const POLL_INTERVAL: Duration = Duration::from_secs(4);

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The verdicts of all laws.
    pub report: Report,
    /// All steps of the run.
    pub trace: Vec<TraceLine>,
    /// The number of established cases at the end.
    pub established: usize,
    /// The tags of the statements that were executed.
    pub tags: BTreeSet<String>,
}

impl Outcome {
    /// A hash of the trace.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.trace.iter().for_each(|line| line.to_string().hash(&mut hasher));
        hasher.finish()
    }

    /// The lines of the trace about one case, and those about no case.
    pub fn trace_of(&self, case: i64) -> impl Iterator<Item = &TraceLine> {
        self.trace.iter().filter(move |line| line.case.is_none_or(|id| id == case))
    }

    /// The law, the case and the text of the first violation.
    pub fn first_violation(&self) -> Option<(&'static str, i64, &str)> {
        let verdicts = self.report.verdicts.iter();
        verdicts.flat_map(|verdict| verdict.violations.iter().map(|v| (verdict.law, v.case, v.what.as_str()))).next()
    }
}

/// One run, from its seed to its verdict.
///
/// # Errors
///
/// If the machine does not allow the run. Failures within the simulation are part of the outcome.
pub fn run<E: 'static>(scenario: &'static Scenario<E>, seed: u64, mutant: Option<Mutant>) -> Result<Outcome> {
    simulate(seed, mutant.and_then(Mutant::mutation), async |world| {
        let stubs = Arc::new((scenario.stubs)(&world, mutant));
        let clients = Arc::new(Clients::new(&world, scenario.routes));
        scenario.start(&world, &stubs)?;
        let faults = faults::begin(scenario, &world, &stubs);
        let mut actors = (scenario.actors)(&clients);
        while let Some(ended) = actors.join_next().await {
            ended?;
        }
        faults::end(scenario, &world, &stubs, faults).await;
        let (report, established) = judge_at_rest(scenario, &world, &stubs, &clients).await?;
        Ok(Outcome { report, trace: world.trace(), established, tags: world.tags() })
    })
}

/// Waits until all laws hold, or until the timeout.
async fn judge_at_rest<E>(
    scenario: &Scenario<E>,
    world: &World,
    stubs: &E,
    clients: &Clients,
) -> Result<(Report, usize)> {
    let deadline = Instant::now() + QUIESCENCE_TIMEOUT;
    let urls = scenario.stores(world)?;
    loop {
        sleep(POLL_INTERVAL).await;
        if world.log().lag() > 0 && Instant::now() < deadline {
            continue;
        }
        let stores = Stores::read(scenario.fleet.contexts, &urls).await?;
        let report = judge(scenario, world, stubs, &stores, clients);
        if report.holds() || Instant::now() >= deadline {
            return Ok((report, (scenario.established)(&stores)));
        }
    }
}

fn judge<E>(scenario: &Scenario<E>, world: &World, stubs: &E, stores: &Stores, clients: &Clients) -> Report {
    let (journal, history) = (scenario.journal(world), clients.history());
    let snapshot = Snapshot { fleet: scenario.fleet, stores, journal: &journal, client_history: Some(&history) };
    let mut report = snapshot.judge();
    report.verdicts.extend((scenario.oracles)(stores, &journal, stubs));
    report.verdicts.extend([
        oracles::repeats_stay_in_order(&journal),
        oracles::nothing_is_applied_twice(&journal, world),
        clients.judge_responses(),
    ]);
    report
}
