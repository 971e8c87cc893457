//! It reads of others what it states: `reads.toml`.

use std::path::Path;

use contracts::kept::{self, Update};
use contracts::{Published, Statement};
use messaging::Policies;
use reservation_contract::ReservationEvent;
use storage_service::Reservations;
use test_stores::on_sqlite;

use crate::World;

#[test]
fn it_reads_of_others_what_it_states() {
    on_sqlite(async |place| {
        let world = World::on(place).await;
        let published = [Published::of::<ReservationEvent>().unwrap()];
        let events = place.folder().join("events");
        kept::events(&events, &published, &[], Update::Additions).unwrap();
        let decode = |event: &_| Ok(world.policies.decode(event)?.map(|outcome| format!("{outcome:?}")));
        let statement = Statement::of(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        statement.is_true(Reservations::CONTEXTS, &events, decode).unwrap_or_else(|wrong| panic!("{wrong}"));
    });
}
