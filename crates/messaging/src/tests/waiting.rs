//! While the store is away, events wait: none is lost, and none becomes a dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{Config, Dialect, Store};
use test_stores::{Place, on_each_store, on_postgres};
use tokio::time::timeout;

use super::tally::{CUTS_ITSELF_OFF, counted};
use super::{Process, schema};
use crate::Taken;
use crate::batch::Batches;

const ONE: Taken = Taken { applied: 1, repeated: 0, dead: 0 };

/// A store with one connection for writing, which gives up soon when it is in use.
async fn narrow(place: &Place) -> Process {
    let config = Config { store_connections: 1, store_acquire_limit: Duration::from_millis(20), ..place.config() };
    Process::with(Store::open(&config, &schema()).await.unwrap())
}

#[test]
fn events_wait_for_a_store_that_is_busy_longer_than_all_attempts_take() {
    on_each_store(async |place| {
        let process = narrow(place).await;
        let busy = process.store.begin().await.unwrap();
        let beats = Arc::new(AtomicU32::new(0));
        let beating = Arc::clone(&beats);
        let beat = Arc::new(move || {
            beating.fetch_add(1, Ordering::SeqCst);
        });
        let taker = Batches { beat, ..process.batches() };
        let take = taker.take(vec![counted(0, "a", 1, 1)]);
        tokio::pin!(take);
        // Three attempts are all that a failing event gets; the store refuses many more.
        assert!(timeout(Duration::from_millis(500), &mut take).await.is_err());
        assert!(beats.load(Ordering::SeqCst) > 0, "who waits for the store says that it lives");
        drop(busy);
        assert_eq!(take.await, ONE);
        assert_eq!((process.total(1).await, process.letters().await.len()), (1, 0));
    });
}

#[test]
fn an_event_whose_connection_breaks_on_the_way_is_applied_once() {
    on_postgres(async |place| {
        let process = Process::on(place).await;
        assert_eq!(process.batches().take(vec![counted(0, "a", 1, CUTS_ITSELF_OFF)]).await, ONE);
        assert_eq!((process.total(1).await, process.said(1).await.len(), process.letters().await.len()), (1, 1, 0));
    });
}

#[test]
fn events_wait_for_another_process_that_writes_longer_than_a_file_may_be_busy() {
    test_stores::on_sqlite(async |place| {
        assert_eq!(place.dialect, Dialect::Sqlite);
        let (process, other) = (Process::on(place).await, Process::on(place).await);
        let busy = other.store.begin().await.unwrap();
        let taker = process.batches();
        let take = taker.take(vec![counted(0, "a", 1, 1)]);
        tokio::pin!(take);
        assert!(timeout(Duration::from_secs(6), &mut take).await.is_err(), "SQLite itself waits for five seconds");
        drop(busy);
        assert_eq!(take.await, ONE);
        assert_eq!((process.total(1).await, process.letters().await.len()), (1, 0));
    });
}
