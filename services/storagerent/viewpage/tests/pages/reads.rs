//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::path::Path;

use context::Projector;
use contracts::Statement;
use messaging::Policies;
use test_stores::on_sqlite;
use viewpage_service::StorageView;

use crate::World;

#[test]
fn it_reads_of_others_just_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/storagerent/events");
        let decode = |event: &_| Ok(world.policies.decode(event)?.map(|event| format!("{event:?}")));
        let statement = Statement::of(folder).unwrap_or_else(|error| panic!("{error}"));
        let verdict = statement.is_true(Projector::<StorageView>::CONTEXTS, &events, decode);
        verdict.unwrap_or_else(|differences| panic!("{differences}"));
    });
}
