//! The storagerent fleet in one process, on simulated time, network, broker and stores: see `crates/simulation`.

use std::sync::Arc;

use message_service::Messages;
use payment::PaymentContext;
use payment_stub::{ProviderStub, StubSettings};
use reservation_service::Reservations;
use simulation::{Build, Clients, Mutant, Placement, Scenario, World};
use storage_service::Storages;
use storagerent_payment_service::ReservationPayment;
use storagerent_proof::{FLEET, PAYMENTS, RESERVATIONS, room};
use tokio::task::JoinSet;
use viewpage_service::StorageViews;

use crate::oracles;
use crate::wrong_order::WrongOrder;

/// The rooms of a run.
const ROOMS: i64 = 4;

/// The room is released before its payment is cancelled.
const COMPENSATION_IN_WRONG_ORDER: Mutant = Mutant::of_stub("compensation-in-wrong-order");

/// What is outside of the fleet, and how the mutants differ.
pub struct Outside {
    provider: Arc<ProviderStub>,
    wrong_order: Option<WrongOrder>,
}

/// The storagerent fleet: two replicas of each context with rules.
pub static SCENARIO: Scenario<Outside> = Scenario {
    name: "storagerent",
    fleet: &FLEET,
    processes: &[
        ("storage-1", "storage"),
        ("storage-2", "storage"),
        ("reservation-1", "reservation"),
        ("reservation-2", "reservation"),
        ("payment-1", "payment"),
        ("payment-2", "payment"),
        ("message-1", "message"),
        ("viewpage-1", "viewpage"),
    ],
    calls: &[("reservation-1", "storage"), ("reservation-2", "payment")],
    routes: &[
        ("/storages", "storage"),
        ("/reviews", "storage"),
        ("/reservations", "reservation"),
        ("/payments", "payment"),
        ("/messages", "message"),
        ("/storageviews", "viewpage"),
    ],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        Mutant::NO_RECOVERY,
        payment_stub::WITHOUT_KEY,
        COMPENSATION_IN_WRONG_ORDER,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: |world, mutant| Outside {
        provider: Arc::new(ProviderStub::new(world, mutant)),
        wrong_order: (mutant == Some(COMPENSATION_IN_WRONG_ORDER)).then(WrongOrder::default),
    },
    begin_faults: |outside, world| outside.provider.begin_faults(world),
    end_faults: |outside| outside.provider.end_faults(),
    build,
    actors,
    oracles: |stores, journal, outside| {
        vec![
            outside.provider.holds_what_is_paid(stores, &PAYMENTS, "reservation_id"),
            oracles::payments_of_a_room_do_not_overlap(journal),
        ]
    },
    established: |stores| stores.all(&RESERVATIONS).filter(|row| row.text("phase") == Some("established")).count(),
};

fn build(world: &Arc<World>, outside: &Arc<Outside>, placement: Placement<'_>) -> Build {
    match placement.context {
        "storage" => world.build::<Storages>(SCENARIO.name, placement, |_| {}),
        "reservation" => world.build::<Reservations>(SCENARIO.name, placement, |settings| {
            let mut transports = ["storage", "payment"].map(|to| world.transport(placement.process, to));
            if let Some(wrong_order) = &outside.wrong_order {
                transports = wrong_order.around(transports);
            }
            let [storage, payment] = transports;
            settings.saga.calls.transports.extend([("storage", storage), ("payment", payment)]);
        }),
        "payment" => {
            world.build::<PaymentContext<ReservationPayment, StubSettings>>(SCENARIO.name, placement, |settings| {
                settings.provider = Some(Arc::clone(&outside.provider));
            })
        }
        "message" => world.build::<Messages>(SCENARIO.name, placement, |_| {}),
        _ => world.build::<StorageViews>(SCENARIO.name, placement, |_| {}),
    }
}

fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for number in 1..=ROOMS {
        actors.spawn(room(clients.actor(number), |_| {}));
    }
    actors
}
