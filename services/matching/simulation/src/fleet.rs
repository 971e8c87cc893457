use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use audit::Stores;
use axum::Router;
use chassis::Host;
use clap::Parser;
use matching_audit::{FLEET, MATCHES};
use payment::PaymentContext;
use payment_service::MatchPayment;
use simulation::{Build, Mutant, Mutation, Placement, ProviderStub, Scenario, StubSettings, World};

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
    let Placement { process, context, store_url } = placement;
    match context {
        "match" => build_match(world, process, store_url),
        "payment" => build_payment(world, provider, process, store_url),
        "visit" => build_visit(world, process, store_url),
        _ => build_mypage(world, process, store_url),
    }
}

/// The default settings of a service.
fn settings<C: Parser>(store_url: &str) -> C {
    C::parse_from(["service", "--fleet", SCENARIO.name, "--store-url", store_url, "--store-connections", "2"])
}

fn builder<C, F, B>(config: C, build: B) -> Build
where
    C: Clone + 'static,
    F: Future<Output = anyhow::Result<Router>> + 'static,
    B: Fn(C, Host) -> F + 'static,
{
    Rc::new(move |host| Box::pin(build(config.clone(), host)))
}

fn build_match(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: context::Config<match_service::Settings> = settings(url);
    config.messaging.broker = world.broker_of(name);
    config.own.saga.calls.transports.insert("payment", world.transport(name, "payment"));
    builder(config, context::build::<match_service::Matches>)
}

fn build_payment(world: &Arc<World>, provider: &Arc<ProviderStub>, name: &str, url: &str) -> Build {
    let mut config: context::Config<StubSettings> = settings(url);
    config.messaging.broker = world.broker_of(name);
    config.own.provider = Some(Arc::clone(provider));
    builder(config, context::build::<PaymentContext<MatchPayment, StubSettings>>)
}

fn build_visit(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: context::Config<context::NoSettings> = settings(url);
    config.messaging.broker = world.broker_of(name);
    builder(config, context::build::<visit_service::Visits>)
}

fn build_mypage(world: &Arc<World>, name: &str, url: &str) -> Build {
    let mut config: context::Config<context::LiveLimits> = settings(url);
    config.messaging.broker = world.broker_of(name);
    builder(config, context::build::<mypage_service::MyPages>)
}
