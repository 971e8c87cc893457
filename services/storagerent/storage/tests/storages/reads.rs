//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::path::Path;

use contracts::Statement;
use messaging::Policies;
use storage_service::Reservations;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn it_reads_of_others_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/storagerent/events");
        let decode = |event: &_| Ok(world.policies.decode(event)?.map(|outcome| format!("{outcome:?}")));
        let statement = Statement::of(folder).unwrap_or_else(|error| panic!("{error}"));
        statement.is_true(Reservations::CONTEXTS, &events, decode).unwrap_or_else(|wrong| panic!("{wrong}"));
    });
}
