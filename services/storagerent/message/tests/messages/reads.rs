//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::path::Path;

use contracts::Statement;
use message_service::ReservationMessages;
use messaging::Policies;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn it_reads_of_others_just_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/storagerent/events");
        let decode = |event: &_| Ok(world.policies.decode(event)?.map(|event| format!("{event:?}")));
        let statement = Statement::of(folder).unwrap_or_else(|error| panic!("{error}"));
        let verdict = statement.is_true(ReservationMessages::CONTEXTS, &events, decode);
        verdict.unwrap_or_else(|differences| panic!("{differences}"));
    });
}
