//! The matching fleet in one process, on simulated time, network, broker and stores: see `crates/simulation`.

use std::sync::Arc;
use std::time::Duration;

use match_service::Matches;
use matching_proof::{FLEET, MATCHES, PAYMENTS, reader, student, tutor};
use mypage_service::MyPages;
use payment::PaymentContext;
use payment_service::MatchPayment;
use payment_stub::{ProviderStub, StubSettings};
use simulation::{Build, Clients, Mutant, Placement, Scenario, World};
use tokio::task::JoinSet;
use visit_service::Visits;

use crate::oracles;

/// The students of a run.
const STUDENTS: i64 = 10;

/// The tutors of a run.
const TUTORS: i64 = 2;

/// The maximum number of visits that a tutor accepts per second.
const MAX_RATE: f64 = 3.0;

/// All students arrive within this time.
const ARRIVALS: Duration = Duration::from_secs(12);

/// The longest time until a reader reads a list.
const READ_INTERVAL: Duration = Duration::from_secs(2);

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
    routes: &[
        ("/matches", "match"),
        ("/payments", "payment"),
        ("/visits", "visit"),
        ("/visitReqLists", "visit"),
        ("/myPages", "mypage"),
    ],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        Mutant::NO_RECOVERY,
        payment_stub::WITHOUT_KEY,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: ProviderStub::new,
    begin_faults: ProviderStub::begin_faults,
    end_faults: ProviderStub::end_faults,
    build,
    actors,
    oracles: |stores, _, provider| {
        vec![provider.holds_what_is_paid(stores, &PAYMENTS, "match_id"), oracles::each_step_has_a_position(stores)]
    },
    established: |stores| stores.all(&MATCHES).filter(|row| row.text("phase") == Some("established")).count(),
};

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

/// Students, and tutors and a reader who work as long as there are students.
fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let (mut actors, mut students) = (JoinSet::new(), JoinSet::new());
    for number in 1..=STUDENTS {
        let mut one = clients.actor(number);
        students.spawn(async move {
            one.pause(ARRIVALS).await;
            student(one, |_| {}).await;
        });
    }
    for number in 1..=TUTORS {
        let mut one = clients.actor(number);
        let rate = MAX_RATE * one.random.f64();
        actors.spawn(tutor(one, rate));
    }
    let reading = clients.actor(1);
    let over = reading.over.clone();
    actors.spawn(reader(reading, READ_INTERVAL));
    actors.spawn(async move {
        students.join_all().await;
        over.cancel();
    });
    actors
}
