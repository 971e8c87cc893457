//! One relay and its broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use test_stores::{eventually, on_each_store, on_postgres};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::Process;
use super::broker::Broker;
use crate::Config;
use crate::outbound::relay::{POLL_INTERVAL, Relay};

/// A relay in the background. Dropping it acts as a kill of its process.
pub(super) struct Running {
    pub(super) stop: CancellationToken,
    pub(super) task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(super) fn start(broker: &Arc<Broker>, process: &Process) -> Self {
        Self::of(broker.relay(process))
    }

    pub(super) fn of(relay: Relay) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        Self { stop, task: tokio::spawn(async move { relay.run(&stopped).await }) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn published(process: &Process) {
    eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;
}

#[test]
fn events_of_a_key_are_published_in_their_order_within_and_across_transactions() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        // A small batch, so that the events take several batches in any case.
        let process = Process { config: Config { outbox_batch: 7, ..process.config.clone() }, ..process };
        let broker = Arc::new(Broker::default());
        process.commit_all((0..10).flat_map(|n| [(1, n), (2, n)])).await;
        let _relay = Running::start(&broker, &process);
        process.commit_counts(1, 10..20).await;
        process.commit_all([(2, 10), (3, 0)]).await;
        published(&process).await;
        let expected = [(1, (0..20).collect()), (2, (0..11).collect()), (3, vec![0])];
        assert_eq!(broker.by_key(), BTreeMap::from(expected));
    });
}

#[test]
fn a_key_stops_at_its_first_failure_and_continues_in_order_while_other_keys_are_published() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        broker.transient.lock().unwrap().extend([(1, 1), (2, 0)]);
        process.commit_all((0..4).flat_map(|n| [(1, n), (2, n), (3, n)])).await;
        let _relay = Running::start(&broker, &process);
        let stuck = BTreeMap::from([(1, vec![0]), (3, vec![0, 1, 2, 3])]);
        eventually("the others pass", async || broker.by_key() == stuck).await;
        let batches = *broker.batches.lock().unwrap();
        eventually("it is tried again", async || *broker.batches.lock().unwrap() > batches + 1).await;
        assert_eq!(broker.by_key(), stuck, "nothing overtakes what is refused");
        broker.transient.lock().unwrap().clear();
        published(&process).await;
        assert!(broker.by_key().values().all(|numbers| *numbers == [0, 1, 2, 3]), "{:?}", broker.by_key());
    });
}

#[test]
fn a_transaction_that_commits_after_a_later_one_is_not_skipped() {
    on_postgres(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        let _relay = Running::start(&broker, &process);
        let mut slow = process.store.begin().await.unwrap();
        let sql = "INSERT INTO outbox (event_id, topic, subject, kind, happened_at, data) \
                   VALUES ('slow', 'test.reader', '1', 'Counted', 0, '{\"id\": 1, \"n\": 0}')";
        sqlx::query(sql).execute(&mut *slow).await.unwrap();
        process.commit_counts(2, [0]).await;
        eventually("the later one is published", async || broker.by_key().contains_key(&2)).await;
        published(&process).await;
        slow.commit().await.unwrap();
        eventually("the slow one is published", async || broker.by_key().contains_key(&1)).await;
    });
}

#[test]
fn a_stopping_relay_publishes_all_committed_events() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let gate = CancellationToken::new();
        let broker = Arc::new(Broker { gate: Some(gate.clone()), ..Broker::default() });
        process.commit_counts(1, 0..3).await;
        let mut relay = Running::start(&broker, &process);
        eventually("a batch is in flight", async || *broker.batches.lock().unwrap() == 1).await;
        relay.stop.cancel();
        assert!(timeout(Duration::from_millis(100), &mut relay.task).await.is_err(), "it waits for its batch");
        gate.cancel();
        (&mut relay.task).await.unwrap();
        assert_eq!(broker.by_key()[&1], [0, 1, 2]);
        assert_eq!(process.waiting().await, []);
    });
}

#[test]
fn a_stopping_relay_does_not_wait_for_an_unavailable_broker() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker { gate: Some(CancellationToken::new()), ..Broker::default() });
        process.commit_counts(1, [0]).await;
        let mut relay = Running::start(&broker, &process);
        eventually("a batch is in flight", async || *broker.batches.lock().unwrap() == 1).await;
        let signalled = Instant::now();
        relay.stop.cancel();
        timeout(Duration::from_secs(10), &mut relay.task).await.expect("it ends").unwrap();
        assert!(signalled.elapsed() >= Duration::from_secs(3), "it waited until the drain timeout");
        assert_eq!(process.waiting().await.len(), 1, "the next relay sends it");
    });
}

#[test]
fn a_commit_wakes_the_relay_at_once() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        let _relay = Running::start(&broker, &process);
        process.commit_counts(1, [0]).await;
        published(&process).await;
        // Without the signal each waits for the next poll. A busy machine may delay some of them.
        let mut quick = 0;
        for n in 1..=10 {
            let committed = Instant::now();
            process.commit_counts(1, [n]).await;
            published(&process).await;
            quick += u32::from(committed.elapsed() < POLL_INTERVAL / 2);
        }
        assert!(quick >= 6, "{quick} of 10");
    });
}

#[test]
fn events_of_a_process_are_published_quickly_by_the_relay_of_another_one() {
    on_postgres(async |place| {
        let (leader, follower) = (Process::on(place).await, Process::on(place).await);
        let broker = Arc::new(Broker::default());
        let _relay = Running::start(&broker, &leader);
        leader.commit_counts(1, [0]).await;
        published(&leader).await;
        let _waiting = Running::start(&broker, &follower);
        let mut quick = 0;
        for n in 1..=10 {
            let committed = Instant::now();
            follower.commit_counts(1, [n]).await;
            published(&follower).await;
            quick += u32::from(committed.elapsed() < POLL_INTERVAL / 2);
        }
        assert!(quick >= 6, "{quick} of 10");
    });
}

#[test]
fn a_relay_recovers_after_the_server_has_closed_its_connections() {
    on_postgres(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        let _relay = Running::start(&broker, &process);
        for n in 0..5 {
            process.commit_counts(1, [n]).await;
            published(&process).await;
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            sqlx::query(cut).fetch_all(process.store.writer()).await.unwrap();
            eventually("the store answers", async || process.store.readiness()().await.is_ok()).await;
            // The pool's other connections are found dead one after the other.
            eventually("a transaction can begin", async || process.store.begin().await.is_ok()).await;
        }
        assert_eq!(broker.by_key()[&1], [0, 1, 2, 3, 4]);
    });
}
