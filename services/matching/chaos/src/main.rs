//! `matching-chaos`: the matching fleet under load and faults, and then its auditor.

mod operations;
mod students;
mod tutors;

use std::process::ExitCode;

use audit::{Fields, Stores};
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario, Stub, StubFault};
use matching_audit::{FLEET, MATCHES, VISITS};
use tokio::task::JoinSet;

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
    repetition: operations::REQUEST_AGAIN,
    counts,
};

/// The students, the tutors, and the readers of lists.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    actors.spawn(load.clone().arrivals(students::student));
    actors.spawn(tutors::tutors_and_readers(load));
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
