use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::scenario::Scenario;
use crate::{Risks, World};

/// The latest start of a fault.
const LAST_START: Duration = Duration::from_secs(20);

/// The maximum duration of a fault.
const MAX_DURATION: Duration = Duration::from_secs(12);

/// The maximum number of faults.
const MAX_FAULTS: usize = 8;

/// The probabilities of faults in this run: about half of all kinds occur.
fn risks(world: &World) -> Risks {
    let some = |most: f64| world.draw(|rng| if rng.bool() { rng.f64() * most } else { 0.0 });
    Risks {
        statement_rejected: some(0.02),
        statement_result_lost: some(0.02),
        disk_full: some(0.02),
        killed_before_statement: some(0.004),
        killed_after_statement: some(0.004),
        event_rejected: some(0.2),
        event_acknowledgement_lost: some(0.2),
        redelivered: some(0.2),
        request_lost: some(0.1),
        response_lost: some(0.1),
        slow: some(0.15),
    }
}

/// Begins the faults of the run.
pub(crate) fn begin<E>(scenario: &Scenario<E>, world: &Arc<World>, stubs: &E) -> JoinSet<()> {
    world.set_risks(risks(world));
    (scenario.begin_faults)(stubs, world);
    let mut faults = JoinSet::new();
    let (processes, calls) = (scenario.processes, scenario.calls);
    for _ in 0..world.draw(|rng| rng.usize(0..=MAX_FAULTS)) {
        let world = Arc::clone(world);
        faults.spawn(async move { fault(&world, processes, calls).await });
    }
    faults
}

/// Ends all faults.
pub(crate) async fn end<E>(scenario: &Scenario<E>, world: &World, stubs: &E, mut faults: JoinSet<()>) {
    faults.shutdown().await;
    world.end_faults();
    (scenario.end_faults)(stubs);
}

/// Pairs of names.
type Pairs = &'static [(&'static str, &'static str)];

/// One fault: a kill, an outage or a partition.
async fn fault(world: &World, processes: Pairs, calls: Pairs) {
    sleep(world.span(Duration::ZERO..LAST_START)).await;
    let (process, context) = processes[world.draw(|rng| rng.usize(0..processes.len()))];
    let duration = world.span(Duration::from_millis(50)..MAX_DURATION);
    match world.draw(|rng| rng.u8(0..6)) {
        0 | 1 => drop(world.kill(process, "from outside")),
        2 => {
            world.set_store_outage(context, true);
            sleep(duration).await;
            world.set_store_outage(context, false);
        }
        3 => {
            world.set_broker_outage(true);
            sleep(duration).await;
            world.set_broker_outage(false);
        }
        4 => {
            world.set_broker_partition(process, true);
            sleep(duration).await;
            world.set_broker_partition(process, false);
        }
        _ => call_outage(world, calls, duration).await,
    }
}

/// One of the calls is cut.
async fn call_outage(world: &World, calls: Pairs, duration: Duration) {
    let choice = if calls.len() > 1 { world.draw(|rng| rng.usize(0..calls.len())) } else { 0 };
    let Some((process, context)) = calls.get(choice) else { return };
    world.set_link_outage(process, context, true);
    sleep(duration).await;
    world.set_link_outage(process, context, false);
}
