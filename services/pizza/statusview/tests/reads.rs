//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::sync::Arc;

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use context::{Config, Context, LiveLimits, Projector, Repository};
use contracts::assert_consumer_contract;
use messaging::{EventHandler, Messaging};
use statusview_service::{StatusView, StatusViews};
use test_stores::on_sqlite;

#[test]
fn the_code_reads_what_the_contract_lists() {
    on_sqlite(async |place| {
        let store = place.open(&context::migrations::<StatusViews>()).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<LiveLimits>::parse_from(["statusview", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, StatusViews::NAME, &store, &host);
        let policies = Projector::new(Repository::<StatusView>::new(&store, messaging.outbox(), host.clock()));
        assert_consumer_contract(env!("CARGO_MANIFEST_DIR"), Projector::<StatusView>::CONTEXTS, |event| {
            policies.decode(event)
        });
    });
}
