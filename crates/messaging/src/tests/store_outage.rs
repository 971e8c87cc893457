//! While the store is unavailable, events wait: none is lost, and none becomes a dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use store::{Config, Dialect, Store};
use test_stores::{TestStore, on_each_store, on_postgres};
use tokio::time::timeout;

use super::tally::{LOSES_CONNECTION, counted};
use super::{Process, schema};
use crate::BatchOutcome;
use crate::inbound::batch::BatchProcessor;

const ONE: BatchOutcome = BatchOutcome { applied: 1, repeated: 0, dead: 0 };

/// A store with one connection for writing, and a short wait for it.
async fn with_one_connection(place: &TestStore) -> Process {
    let config = Config { store_connections: 1, store_acquire_limit: Duration::from_millis(100), ..place.config() };
    Process::with(Store::open(&config, &schema()).await.unwrap())
}

#[test]
fn events_wait_for_a_store_that_is_busy() {
    on_each_store(async |place| {
        let process = with_one_connection(place).await;
        // On a busy machine even a free connection takes longer than the limit at times.
        let busy = loop {
            if let Ok(transaction) = process.store.begin().await {
                break transaction;
            }
        };
        let beats = Arc::new(AtomicU32::new(0));
        let beating = Arc::clone(&beats);
        let heartbeat = Arc::new(move || {
            beating.fetch_add(1, Ordering::SeqCst);
        });
        let processor = BatchProcessor { heartbeat, ..process.processor() };
        let take = processor.process(vec![counted(0, "a", 1, 1)]);
        tokio::pin!(take);
        // An event that fails for another reason gets one attempt; here are many.
        assert!(timeout(Duration::from_secs(1), &mut take).await.is_err());
        assert!(beats.load(Ordering::SeqCst) > 0, "a consumer that waits for the store sends heartbeats");
        drop(busy);
        assert_eq!(take.await, ONE);
        assert_eq!((process.total(1).await, process.letters().await.len()), (1, 0));
    });
}

#[test]
fn an_event_whose_connection_breaks_is_applied_once() {
    on_postgres(async |place| {
        let process = Process::on(place).await;
        assert_eq!(process.processor().process(vec![counted(0, "a", 1, LOSES_CONNECTION)]).await, ONE);
        assert_eq!((process.total(1).await, process.staged(1).await.len(), process.letters().await.len()), (1, 1, 0));
    });
}

#[test]
fn events_wait_for_another_process_that_writes_longer_than_a_file_may_be_busy() {
    test_stores::on_sqlite(async |place| {
        assert_eq!(place.dialect, Dialect::Sqlite);
        let (process, other) = (Process::on(place).await, Process::on(place).await);
        let busy = other.store.begin().await.unwrap();
        let processor = process.processor();
        let take = processor.process(vec![counted(0, "a", 1, 1)]);
        tokio::pin!(take);
        assert!(timeout(Duration::from_secs(6), &mut take).await.is_err(), "SQLite itself waits for five seconds");
        drop(busy);
        assert_eq!(take.await, ONE);
        assert_eq!((process.total(1).await, process.letters().await.len()), (1, 0));
    });
}
