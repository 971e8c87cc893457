//! `foodcourt-chaos`: the foodcourt fleet under load and faults, and then its auditor.

use std::process::ExitCode;

use audit::Stores;
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario};
use foodcourt_proof::{ALARMS, CANCELLATIONS, FLEET, ORDER_AGAIN, ORDERS, customer};
use tokio::task::JoinSet;

static SCENARIO: Scenario = Scenario {
    fleet: &FLEET,
    replicated: &["order", "cook"],
    consumers: &[
        Consumers { topic: "order", contexts: &["cook", "shopaccount"] },
        Consumers { topic: "cook", contexts: &["notification", "order", "shopaccount"] },
    ],
    stub: None,
    sample_event: SampleEvent { kind: "Cooked", subject: "5000", data: r#"{"orderId":5000,"shopId":1}"# },
    greedy: GreedyRequests { post: "/orders", stream: "/views/events?shopId=9007199254740991" },
    actors,
    repetition: ORDER_AGAIN,
    counts,
};

/// The customers, each with the kitchen of its order.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    actors.spawn(load.arrivals(|one, decision| customer(one, |placed| decision.decide(placed))));
    actors
}

fn counts(stores: &Stores) -> Vec<(usize, &'static str)> {
    let cancelled = stores.all(&CANCELLATIONS).filter(|row| row.text("phase") == Some("established"));
    vec![
        (stores.all(&ORDERS).count(), "orders placed, of which"),
        (cancelled.count(), "cancelled, and"),
        (stores.all(&ALARMS).count(), "cooked"),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    chaos::run(&SCENARIO, "foodcourt-chaos").await
}
