//! What it reads of others is what it says: `reads.toml`.

use std::path::Path;

use context::Updater;
use contracts::Statement;
use match_service::MatchRow;
use messaging::Policies;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn it_reads_of_others_just_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let policies = Updater::new(world.matches.clone());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/matching/events");
        let decode = |event: &_| Ok(policies.decode(event)?.map(|news| format!("{news:?}")));
        let held = Statement::of(folder).and_then(|said| said.is_true(Updater::<MatchRow>::CONTEXTS, &events, decode));
        held.unwrap_or_else(|wrong| panic!("{wrong}"));
    });
}
