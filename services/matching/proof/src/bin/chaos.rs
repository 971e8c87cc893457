//! `matching-chaos`: the matching fleet under load and faults, and then its auditor.

use std::process::ExitCode;
use std::time::Duration;

use audit::{Fields, Stores};
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario, Stub, StubFault};
use matching_proof::{FLEET, MATCHES, REQUEST_AGAIN, VISITS, reader, student, tutor};
use tokio::task::JoinSet;

/// The number of tutors.
const TUTORS: u32 = 2;

/// The share of matches that tutors accept from the list. The others stay in it.
const ACCEPTED: f64 = 0.4;

/// The longest time until a reader reads a list.
const READ_INTERVAL: Duration = Duration::from_millis(200);

static SCENARIO: Scenario = Scenario {
    fleet: &FLEET,
    replicated: &["match", "visit"],
    consumers: &[
        Consumers { topic: "match", contexts: &["mypage", "payment", "visit"] },
        Consumers { topic: "payment", contexts: &["match", "mypage", "visit"] },
        Consumers { topic: "visit", contexts: &["match", "mypage"] },
    ],
    stub: Some(Stub {
        context: "payment",
        variable: "PAYMENT_SIMULATOR_FILE",
        faults: &[
            // The match context waits for 680 ms.
            StubFault { name: "payments slow", settings: r#"{"delayMs":400,"jitterMs":500}"# },
            StubFault { name: "payments fail or are declined", settings: r#"{"failureRate":0.3,"declineRate":0.3}"# },
        ],
    }),
    sample_event: SampleEvent {
        kind: "PaymentApproved",
        subject: "5000",
        data: r#"{"matchId":5000,"attempt":1,"price":1}"#,
    },
    greedy: GreedyRequests { post: "/matches", stream: "/myPages/9007199254740991/events" },
    actors,
    repetition: REQUEST_AGAIN,
    counts,
};

/// The students, the tutors, and a reader of lists.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for number in 1..=TUTORS {
        actors.spawn(tutor(load.actor(number.into()), f64::from(load.rate) * ACCEPTED / f64::from(TUTORS)));
    }
    actors.spawn(reader(load.actor(1), READ_INTERVAL));
    actors.spawn(load.arrivals(|one, decision| student(one, |established| decision.decide(established))));
    actors
}

fn counts(stores: &Stores) -> Vec<(usize, &'static str)> {
    let established = || stores.all(&MATCHES).filter(|row| row.text("phase") == Some("established"));
    let is_canceled =
        |row: &&Fields| matches!(row.text("step"), Some("matchCanceled" | "paymentCanceled" | "visitCanceled"));
    let assigned = stores.all(&VISITS).filter(|visit| visit.text("teacher").is_some());
    vec![
        (established().count(), "matches established, of which"),
        (established().filter(is_canceled).count(), "cancelled"),
        (assigned.count(), "visits assigned, some of them cancelled"),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    chaos::run(&SCENARIO, "matching-chaos").await
}
