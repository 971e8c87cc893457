use std::sync::Arc;
use std::time::Duration;

use simulation::{Risks, World};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::fleet::PROCESSES;
use crate::provider::{Mood, Till};

/// When the last fault begins.
const LAST: Duration = Duration::from_secs(20);

/// How long a fault lasts at most.
const LONGEST: Duration = Duration::from_secs(12);

/// How many faults there are at most.
const MOST: usize = 8;

/// What goes wrong all the time in this run: about half of all that could, each with a likelihood of its own.
fn risks(world: &World) -> Risks {
    let some = |most: f64| world.draw(|chance| if chance.bool() { chance.f64() * most } else { 0.0 });
    Risks {
        statement_refused: some(0.02),
        statement_unanswered: some(0.02),
        disk_full: some(0.02),
        dies_before_statement: some(0.004),
        dies_after_statement: some(0.004),
        event_refused: some(0.2),
        event_unanswered: some(0.2),
        redelivered: some(0.2),
        request_lost: some(0.1),
        answer_lost: some(0.1),
        slow: some(0.15),
    }
}

fn mood(world: &World) -> Mood {
    let some = |most: f64| world.draw(|chance| if chance.bool() { chance.f64() * most } else { 0.0 });
    let delay = world.span(Duration::from_millis(1)..Duration::from_millis(1_500));
    Mood { declines: some(0.3), fails_before: some(0.3), fails_after: some(0.3), delay }
}

/// Things begin to go wrong.
pub(crate) fn begin(world: &Arc<World>, till: &Till) -> JoinSet<()> {
    world.set_risks(risks(world));
    till.set_mood(mood(world));
    let mut faults = JoinSet::new();
    for _ in 0..world.draw(|chance| chance.usize(0..=MOST)) {
        let world = Arc::clone(world);
        faults.spawn(async move { fault(&world).await });
    }
    faults
}

/// Nothing goes wrong any more.
pub(crate) async fn end(world: &World, till: &Till, mut faults: JoinSet<()>) {
    faults.shutdown().await;
    world.calm();
    till.set_mood(Mood::default());
}

/// Something that lasts for a while.
async fn fault(world: &World) {
    sleep(world.span(Duration::ZERO..LAST)).await;
    let (process, context) = PROCESSES[world.draw(|chance| chance.usize(0..PROCESSES.len()))];
    let while_it_lasts = world.span(Duration::from_millis(50)..LONGEST);
    match world.draw(|chance| chance.u8(0..6)) {
        0 | 1 => drop(world.kill(process, "from outside")),
        2 => {
            world.set_store(context, true);
            sleep(while_it_lasts).await;
            world.set_store(context, false);
        }
        3 => {
            world.set_broker(true);
            sleep(while_it_lasts).await;
            world.set_broker(false);
        }
        4 => {
            world.set_broker_for(process, true);
            sleep(while_it_lasts).await;
            world.set_broker_for(process, false);
        }
        _ => {
            world.set_link("match-1", "payment", true);
            sleep(while_it_lasts).await;
            world.set_link("match-1", "payment", false);
        }
    }
}
