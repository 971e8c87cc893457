//! The contexts in Rust of the cleanmall fleet in one process, on simulated time, network, broker and stores: see
//! `crates/simulation`.

use std::sync::Arc;

use cleanassign_service::CleanAssigns;
use cleancall_service::CleanCalls;
use cleanmall_proof::{CALLS, FLEET_IN_RUST, call};
use cleanmanage_service::CleanManages;
use simulation::{Build, Clients, Mutant, Mutation, Placement, Scenario, World};
use tokio::task::JoinSet;

use crate::oracles;

/// The calls of a run: more than there are cleaners.
const CALLERS: i64 = 6;

/// The assignment does not see which cleaners are busy.
const BUSY_CLEANERS_UNSEEN: Mutant =
    Mutant::new("busy-cleaners-unseen", Mutation::SkipStatement("dispatch: take cleaner"));

/// Nothing is outside of the fleet.
pub struct Outside;

/// The cleanmall fleet: two replicas of each context.
pub static SCENARIO: Scenario<Outside> = Scenario {
    name: "cleanmall",
    fleet: &FLEET_IN_RUST,
    processes: &[
        ("cleancall-1", "cleancall"),
        ("cleancall-2", "cleancall"),
        ("cleanmanage-1", "cleanmanage"),
        ("cleanmanage-2", "cleanmanage"),
        ("cleanassign-1", "cleanassign"),
        ("cleanassign-2", "cleanassign"),
    ],
    calls: &[("cleancall-1", "cleanmanage"), ("cleancall-2", "cleanmanage")],
    routes: &[
        ("/cleancalls", "cleancall"),
        ("/cleanmanages", "cleanmanage"),
        ("/cleanassigns", "cleanassign"),
        ("/cleaners", "cleanassign"),
    ],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        Mutant::NO_RECOVERY,
        BUSY_CLEANERS_UNSEEN,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: |_, _| Outside,
    begin_faults: |_, _| {},
    end_faults: |_| {},
    build,
    actors,
    oracles: |_, journal, _| vec![oracles::a_cleaner_has_one_call_at_a_time(journal)],
    established: |stores| stores.all(&CALLS).filter(|row| row.text("phase") == Some("established")).count(),
};

fn build(world: &Arc<World>, _: &Arc<Outside>, placement: Placement<'_>) -> Build {
    match placement.context {
        "cleancall" => world.build::<CleanCalls>(SCENARIO.name, placement, |settings| {
            let management = world.transport(placement.process, "cleanmanage");
            settings.saga.calls.transports.extend([("cleanmanage", management)]);
        }),
        "cleanmanage" => world.build::<CleanManages>(SCENARIO.name, placement, |_| {}),
        _ => world.build::<CleanAssigns>(SCENARIO.name, placement, |_| {}),
    }
}

fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for number in 1..=CALLERS {
        actors.spawn(call(clients.actor(number), |_| {}));
    }
    actors
}
