//! The pizza fleet in one process, on simulated time, network, broker and stores: see `crates/simulation`.

use std::sync::Arc;

use coupon_service::Coupons;
use delivery_service::Deliveries;
use payment::PaymentContext;
use payment_stub::{ProviderStub, StubSettings};
use pizza_order_service::Orders;
use pizza_payment_service::OrderPayment;
use pizza_proof::{FLEET, ORDERS, PAYMENTS, order};
use refund_service::Refunds;
use simulation::{Build, Clients, Mutant, Placement, Scenario, World};
use statusview_service::StatusViews;
use tokio::task::JoinSet;

use crate::number_ignored::NumberIgnored;

/// The orders of a run.
const ORDERS_OF_A_RUN: i64 = 6;

/// A second refund of an order has the number of the first one.
const REFUND_NUMBER_IGNORED: Mutant = Mutant::of_stub("refund-number-ignored");

/// What is outside of the fleet, and how the mutants differ.
pub struct Outside {
    provider: Arc<ProviderStub>,
    number_ignored: Option<NumberIgnored>,
}

/// The pizza fleet: two replicas of each context with rules.
pub static SCENARIO: Scenario<Outside> = Scenario {
    name: "pizza",
    fleet: &FLEET,
    processes: &[
        ("order-1", "order"),
        ("order-2", "order"),
        ("payment-1", "payment"),
        ("payment-2", "payment"),
        ("delivery-1", "delivery"),
        ("delivery-2", "delivery"),
        ("refund-1", "refund"),
        ("refund-2", "refund"),
        ("coupon-1", "coupon"),
        ("statusview-1", "statusview"),
    ],
    calls: &[("order-1", "payment"), ("refund-1", "delivery")],
    routes: &[
        ("/orders", "order"),
        ("/payments", "payment"),
        ("/deliveries", "delivery"),
        ("/refunds", "refund"),
        ("/coupons", "coupon"),
        ("/statusviews", "statusview"),
    ],
    mutants: &[
        Mutant::PUBLISH_BEFORE_COMMIT,
        Mutant::COMMIT_OFFSET_FIRST,
        Mutant::NO_INBOX,
        Mutant::NO_RECOVERY,
        payment_stub::WITHOUT_KEY,
        REFUND_NUMBER_IGNORED,
        Mutant::RELAY_WITHOUT_LEADER,
    ],
    stubs: |world, mutant| Outside {
        provider: Arc::new(ProviderStub::new(world, mutant)),
        number_ignored: (mutant == Some(REFUND_NUMBER_IGNORED)).then(NumberIgnored::default),
    },
    begin_faults: |outside, world| outside.provider.begin_faults(world),
    end_faults: |outside| outside.provider.end_faults(),
    build,
    actors,
    oracles: |stores, _, outside| vec![outside.provider.holds_what_is_paid(stores, &PAYMENTS, "order_id")],
    established: |stores| stores.all(&ORDERS).filter(|row| row.text("phase") == Some("established")).count(),
};

fn build(world: &Arc<World>, outside: &Arc<Outside>, placement: Placement<'_>) -> Build {
    match placement.context {
        "order" => world.build::<Orders>(SCENARIO.name, placement, |settings| {
            let payment = world.transport(placement.process, "payment");
            settings.saga.calls.transports.insert("payment", payment);
        }),
        "payment" => world.build::<PaymentContext<OrderPayment, StubSettings>>(SCENARIO.name, placement, |settings| {
            settings.provider = Some(Arc::clone(&outside.provider));
        }),
        "delivery" => world.build::<Deliveries>(SCENARIO.name, placement, |_| {}),
        "refund" => world.build::<Refunds>(SCENARIO.name, placement, |settings| {
            let mut delivery = world.transport(placement.process, "delivery");
            if let Some(number_ignored) = &outside.number_ignored {
                delivery = number_ignored.around(delivery);
            }
            settings.saga.calls.transports.insert("delivery", delivery);
        }),
        "coupon" => world.build::<Coupons>(SCENARIO.name, placement, |_| {}),
        _ => world.build::<StatusViews>(SCENARIO.name, placement, |_| {}),
    }
}

fn actors(clients: &Arc<Clients>) -> JoinSet<()> {
    let mut actors = JoinSet::new();
    for number in 1..=ORDERS_OF_A_RUN {
        actors.spawn(order(clients.actor(number), |_| {}));
    }
    actors
}
