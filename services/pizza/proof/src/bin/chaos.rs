//! `pizza-chaos`: the pizza fleet under load and faults, and then its auditor.

use std::process::ExitCode;

use audit::Stores;
use chaos::{Consumers, GreedyRequests, Load, SampleEvent, Scenario, Stub, StubFault};
use pizza_proof::{COUPONS, DELIVERIES, FLEET, ORDER_AGAIN, ORDERS, order};
use tokio::task::JoinSet;

static SCENARIO: Scenario = Scenario {
    fleet: &FLEET,
    replicated: &["order", "delivery", "refund"],
    consumers: &[
        Consumers { topic: "order", contexts: &["coupon", "delivery", "payment", "statusview"] },
        Consumers { topic: "payment", contexts: &["delivery", "order", "statusview"] },
        Consumers { topic: "delivery", contexts: &["coupon", "order", "payment", "refund", "statusview"] },
        Consumers { topic: "refund", contexts: &["coupon", "order", "refund", "statusview"] },
        Consumers { topic: "coupon", contexts: &["order", "statusview"] },
    ],
    stub: Some(Stub {
        context: "payment",
        variable: "PAYMENT_SIMULATOR_FILE",
        faults: &[
            // The order context waits for 680 ms.
            StubFault { name: "payments slow", settings: r#"{"delayMs":400,"jitterMs":500}"# },
            StubFault { name: "payments fail or are declined", settings: r#"{"failureRate":0.3,"declineRate":0.3}"# },
        ],
    }),
    sample_event: SampleEvent {
        kind: "PaymentApproved",
        subject: "5000",
        data: r#"{"orderId":5000,"attempt":1,"price":1}"#,
    },
    greedy: GreedyRequests { post: "/orders", stream: "/statusviews/9007199254740991/events" },
    actors,
    repetition: ORDER_AGAIN,
    counts,
};

/// The orders, each with its customer and its courier.
fn actors(load: Load) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    actors.spawn(load.arrivals(|customer, decision| order(customer, |established| decision.decide(established))));
    actors
}

fn counts(stores: &Stores) -> Vec<(usize, &'static str)> {
    let established = || stores.all(&ORDERS).filter(|row| row.text("phase") == Some("established"));
    let refunded = stores.all(&DELIVERIES).filter(|row| row.i64("refund") > Some(0));
    vec![
        (established().count(), "orders established, of which"),
        (established().filter(|row| row.flag("canceled")).count(), "cancelled"),
        (refunded.count(), "deliveries refunded"),
        (stores.all(&COUPONS).filter(|row| row.text("status") == Some("published")).count(), "coupons valid"),
    ]
}

#[tokio::main]
async fn main() -> ExitCode {
    tls_provider::install();
    chaos::run(&SCENARIO, "pizza-chaos").await
}
