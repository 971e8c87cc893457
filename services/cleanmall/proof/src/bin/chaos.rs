//! `cleanmall-chaos`: the cleanmall fleet under load and faults, and then its auditor.

use std::process::ExitCode;

use audit::Stores;
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario};
use cleanmall_proof::{ASSIGNMENTS, CALL_AGAIN, CALLS, FLEET, MESSAGES, call};
use tokio::task::JoinSet;

static SCENARIO: Scenario = Scenario {
    fleet: &FLEET,
    replicated: &["cleancall", "cleanmanage", "cleanassign"],
    consumers: &[
        Consumers { topic: "cleancall", contexts: &["cleanmanage", "customer"] },
        Consumers { topic: "cleanmanage", contexts: &["cleanassign", "customer"] },
        Consumers { topic: "cleanassign", contexts: &["cleancall", "cleanmanage", "customer"] },
    ],
    stub: None,
    sample_event: SampleEvent { kind: "CleanCalled", subject: "5000", data: r#"{"callId":5000,"attempt":1}"# },
    greedy: GreedyRequests { post: "/cleancalls", stream: "/messages/events" },
    actors,
    repetition: CALL_AGAIN,
    counts,
};

/// The customers, each with a call.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    actors.spawn(load.arrivals(|customer, decision| call(customer, |taken| decision.decide(taken))));
    actors
}

fn counts(stores: &Stores) -> Vec<(usize, &'static str)> {
    let taken = || stores.all(&CALLS).filter(|row| row.text("phase") == Some("established"));
    let finished = stores.all(&ASSIGNMENTS).filter(|row| row.text("state") == Some("finished"));
    vec![
        (taken().count(), "calls taken, of which"),
        (taken().filter(|row| row.flag("canceled")).count(), "cancelled, and"),
        (finished.count(), "done"),
        (stores.all(&MESSAGES).count(), "messages to customers"),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    chaos::run(&SCENARIO, "cleanmall-chaos").await
}
