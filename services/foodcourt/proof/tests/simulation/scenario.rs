//! The foodcourt fleet in one process, on simulated time, network, broker and stores: see `crates/simulation`.

use std::sync::Arc;

use cook_service::Cooks;
use foodcourt_order_service::Orders;
use foodcourt_proof::{FLEET, ORDERS, customer};
use notification_service::Alarms;
use shopaccount_service::ShopViews;
use simulation::{Build, Clients, Mutant, Placement, Scenario, World};
use tokio::task::JoinSet;

use crate::forgetful::forgetful;

/// The customers of a run.
const CUSTOMERS: i64 = 12;

/// The kitchen forgets the mark of a cancellation that came before its order.
const FORGOTTEN_MARK: Mutant = Mutant::of_stub("forgotten-mark");

/// How the mutants differ.
pub struct Outside {
    forgets: bool,
}

/// The foodcourt fleet: two replicas of each context with rules.
pub static SCENARIO: Scenario<Outside> = Scenario {
    name: "foodcourt",
    fleet: &FLEET,
    processes: &[
        ("order-1", "order"),
        ("order-2", "order"),
        ("cook-1", "cook"),
        ("cook-2", "cook"),
        ("notification-1", "notification"),
        ("shopaccount-1", "shopaccount"),
    ],
    calls: &[("order-1", "cook"), ("order-2", "cook")],
    routes: &[
        ("/menus", "order"),
        ("/orders", "order"),
        ("/cooks", "cook"),
        ("/cook", "cook"),
        ("/alarms", "notification"),
        ("/views", "shopaccount"),
    ],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        Mutant::NO_RECOVERY,
        FORGOTTEN_MARK,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: |_, mutant| Outside { forgets: mutant == Some(FORGOTTEN_MARK) },
    begin_faults: |_, _| {},
    end_faults: |_| {},
    build,
    actors,
    oracles: |_, _, _| Vec::new(),
    established: |stores| stores.all(&ORDERS).count(),
};

fn build(world: &Arc<World>, outside: &Arc<Outside>, placement: Placement<'_>) -> Build {
    match placement.context {
        "order" => world.build::<Orders>(SCENARIO.name, placement, |settings| {
            let kitchen = world.transport(placement.process, "cook");
            let kitchen = if outside.forgets { forgetful(kitchen) } else { kitchen };
            settings.saga.calls.transports.insert("cook", kitchen);
        }),
        "cook" => world.build::<Cooks>(SCENARIO.name, placement, |_| {}),
        "notification" => world.build::<Alarms>(SCENARIO.name, placement, |_| {}),
        _ => world.build::<ShopViews>(SCENARIO.name, placement, |_| {}),
    }
}

fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for number in 1..=CUSTOMERS {
        actors.spawn(customer(clients.actor(number), |_| {}));
    }
    actors
}
