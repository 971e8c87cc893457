//! The consumer contract, `reads.toml`, lists exactly the fields that the context reads.

use std::path::Path;
use std::sync::Arc;

use ambient::{Ids, SystemClock};
use chassis::Host;
use clap::Parser;
use context::{Config, Context, Repository, Updater};
use contracts::Statement;
use messaging::{Messaging, Policies};
use reservation_service::{ReservationRow, Reservations, Settings};
use test_stores::on_sqlite;

#[test]
fn it_reads_of_others_what_it_states() {
    on_sqlite(async |place| {
        let store = place.open(&context::migrations::<Reservations>()).await;
        let clock = Arc::new(SystemClock);
        let host = Host::new(clock.clone(), Arc::new(Ids::from_entropy(clock)));
        let config = Config::<Settings>::parse_from(["reservation", "--fleet", "test"]);
        let messaging = Messaging::new(&config.messaging, Reservations::NAME, &store, &host);
        let updater = Updater::new(Repository::<ReservationRow>::new(&store, messaging.outbox(), host.clock()));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let events = folder.join("../../../contracts/storagerent/events");
        let decode = |event: &_| Ok(updater.decode(event)?.map(|event| format!("{event:?}")));
        let statement = Statement::of(folder).unwrap_or_else(|error| panic!("{error}"));
        let verdict = statement.is_true(Updater::<ReservationRow>::CONTEXTS, &events, decode);
        verdict.unwrap_or_else(|differences| panic!("{differences}"));
    });
}
