//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::sync::Arc;

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use cleanmanage_service::{CleanManages, ManagementRow};
use context::{Config, Context, NoSettings, Repository, Updater};
use contracts::assert_consumer_contract;
use messaging::{EventHandler, Messaging};
use test_stores::on_sqlite;

#[test]
fn the_code_reads_what_the_contract_lists() {
    on_sqlite(async |place| {
        let store = place.open(&context::migrations::<CleanManages>()).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<NoSettings>::parse_from(["cleanmanage", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, CleanManages::NAME, &store, &host);
        let updater = Updater::new(Repository::<ManagementRow>::new(&store, messaging.outbox(), host.clock()));
        assert_consumer_contract(env!("CARGO_MANIFEST_DIR"), Updater::<ManagementRow>::CONTEXTS, |event| {
            updater.decode(event)
        });
    });
}
