//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::sync::Arc;

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use context::{Config, Context};
use contracts::assert_consumer_contract;
use messaging::{EventHandler, Messaging};
use payment::{Cancellations, NoProvider, PaymentStore};
use pizza_payment_service::{OrderPayment, Payments};
use test_stores::on_sqlite;

#[test]
fn the_code_reads_what_the_contract_lists() {
    on_sqlite(async |place| {
        let store = place.open(&context::migrations::<Payments>()).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<NoProvider>::parse_from(["payment", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Payments::NAME, &store, &host);
        let payments = PaymentStore::new(&store, messaging.outbox(), host.clock());
        let policies = Cancellations::<OrderPayment>::new(payments);
        assert_consumer_contract(env!("CARGO_MANIFEST_DIR"), Cancellations::<OrderPayment>::CONTEXTS, |event| {
            policies.decode(event)
        });
    });
}
