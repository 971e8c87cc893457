//! What it reads of others is what it says: `reads.toml`.

use std::path::Path;

use context::Projector;
use contracts::Statement;
use messaging::Policies;
use test_stores::on_sqlite;
use visit_service::CaseRow;

use crate::World;

#[test]
fn it_reads_of_others_just_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/matching/events");
        let decode = |event: &_| Ok(world.policies.decode(event)?.map(|news| format!("{news:?}")));
        let held = Statement::of(folder).and_then(|said| said.is_true(Projector::<CaseRow>::CONTEXTS, &events, decode));
        held.unwrap_or_else(|wrong| panic!("{wrong}"));
    });
}
