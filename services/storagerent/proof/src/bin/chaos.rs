//! `storagerent-chaos`: the storagerent fleet under load and faults, and then its auditor.

use std::process::ExitCode;

use audit::Stores;
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario, Stub, StubFault};
use storagerent_proof::{FLEET, RESERVATIONS, RESERVE_AGAIN, REVIEWS, room};
use tokio::task::JoinSet;

static SCENARIO: Scenario = Scenario {
    fleet: &FLEET,
    replicated: &["storage", "reservation"],
    consumers: &[
        Consumers { topic: "storage", contexts: &["viewpage"] },
        Consumers { topic: "reservation", contexts: &["message", "payment", "reservation", "storage", "viewpage"] },
        Consumers { topic: "payment", contexts: &["reservation", "viewpage"] },
    ],
    stub: Some(Stub {
        context: "payment",
        variable: "PAYMENT_SIMULATOR_FILE",
        faults: &[
            // The reservation context waits for 680 ms.
            StubFault { name: "payments slow", settings: r#"{"delayMs":400,"jitterMs":500}"# },
            StubFault { name: "payments fail or are declined", settings: r#"{"failureRate":0.3,"declineRate":0.3}"# },
        ],
    }),
    sample_event: SampleEvent {
        kind: "PaymentApproved",
        subject: "5000",
        data: r#"{"reservationId":5000,"attempt":1,"storageId":1,"hold":1,"price":1}"#,
    },
    greedy: GreedyRequests { post: "/reservations", stream: "/storageviews/9007199254740991/events" },
    actors,
    repetition: RESERVE_AGAIN,
    counts,
};

/// The rooms, each with its manager and its customers.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    actors.spawn(load.arrivals(|manager, decision| room(manager, |established| decision.decide(established))));
    actors
}

fn counts(stores: &Stores) -> Vec<(usize, &'static str)> {
    let established = || stores.all(&RESERVATIONS).filter(|row| row.text("phase") == Some("established"));
    let cancelled = established().filter(|row| row.text("status") == Some("cancelled"));
    vec![
        (established().count(), "reservations established, of which"),
        (cancelled.count(), "cancelled"),
        (stores.all(&REVIEWS).count(), "reviews written"),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    chaos::run(&SCENARIO, "storagerent-chaos").await
}
