use std::sync::Arc;

use audit::Stores;
use match_service::Matches;
use matching_audit::{FLEET, MATCHES};
use mypage_service::MyPages;
use payment::PaymentContext;
use payment_service::MatchPayment;
use payment_stub::{ProviderStub, StubSettings};
use simulation::{Build, Mutant, Mutation, Placement, Scenario, World};
use visit_service::Visits;

use crate::{oracles, workload};

/// The recovery compensates no request whose outcome is unknown.
const NO_RECOVERY: Mutant = Mutant::new("no-recovery", Mutation::SkipStatement("recovery: take over"));

/// A charge without a response is repeated without its idempotency key.
const PAYMENT_WITHOUT_KEY: Mutant = Mutant::of_stub("payment-without-key");

/// The matching fleet: two replicas of each context with rules.
pub static SCENARIO: Scenario<ProviderStub> = Scenario {
    name: "matching",
    fleet: &FLEET,
    processes: &[
        ("match-1", "match"),
        ("match-2", "match"),
        ("payment-1", "payment"),
        ("payment-2", "payment"),
        ("visit-1", "visit"),
        ("visit-2", "visit"),
        ("mypage-1", "mypage"),
    ],
    calls: &[("match-1", "payment")],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        NO_RECOVERY,
        PAYMENT_WITHOUT_KEY,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: |world, mutant| ProviderStub::new(world, mutant == Some(PAYMENT_WITHOUT_KEY)),
    begin_faults: ProviderStub::begin_faults,
    end_faults: ProviderStub::end_faults,
    build,
    actors: workload::actors,
    oracles: oracles::all,
    established,
};

fn established(stores: &Stores) -> usize {
    stores.all(&MATCHES).filter(|row| row.text("phase") == Some("established")).count()
}

fn build(world: &Arc<World>, provider: &Arc<ProviderStub>, placement: Placement<'_>) -> Build {
    match placement.context {
        "match" => world.build::<Matches>(SCENARIO.name, placement, |settings| {
            settings.saga.calls.transports.insert("payment", world.transport(placement.process, "payment"));
        }),
        "payment" => world.build::<PaymentContext<MatchPayment, StubSettings>>(SCENARIO.name, placement, |settings| {
            settings.provider = Some(Arc::clone(provider));
        }),
        "visit" => world.build::<Visits>(SCENARIO.name, placement, |_| {}),
        _ => world.build::<MyPages>(SCENARIO.name, placement, |_| {}),
    }
}
