//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use cleanassign_service::ManagedCalls;
use contracts::assert_consumer_contract;
use messaging::EventHandler;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn the_code_reads_what_the_contract_lists() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        assert_consumer_contract(env!("CARGO_MANIFEST_DIR"), ManagedCalls::CONTEXTS, |event| {
            world.policies.decode(event)
        });
    });
}
