//! What it reads of the events of others is what `reads.toml` states.

use std::path::Path;

use contracts::Statement;
use messaging::Policies;
use payment::Cancellations;
use payment_service::MatchPayment;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn it_reads_of_others_just_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let policies = world.policies();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/matching/events");
        let decode = |event: &_| Ok(policies.decode(event)?.map(|event| format!("{event:?}")));
        let held = Statement::of(folder)
            .and_then(|said| said.is_true(Cancellations::<MatchPayment>::CONTEXTS, &events, decode));
        held.unwrap_or_else(|wrong| panic!("{wrong}"));
    });
}
