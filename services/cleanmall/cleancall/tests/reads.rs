//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::sync::Arc;

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use cleancall_service::{CallRow, CleanCalls, Settings};
use context::{Config, Context, Repository, Updater};
use contracts::assert_consumer_contract;
use messaging::{EventHandler, Messaging};
use test_stores::on_sqlite;

#[test]
fn the_code_reads_what_the_contract_lists() {
    on_sqlite(async |place| {
        let store = place.open(&context::migrations::<CleanCalls>()).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<Settings>::parse_from(["cleancall", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, CleanCalls::NAME, &store, &host);
        let updater = Updater::new(Repository::<CallRow>::new(&store, messaging.outbox(), host.clock()));
        assert_consumer_contract(env!("CARGO_MANIFEST_DIR"), Updater::<CallRow>::CONTEXTS, |event| {
            updater.decode(event)
        });
    });
}
