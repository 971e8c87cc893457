//! Events are published after the commit of their transaction, and not otherwise.

use std::sync::Arc;

use events::TraceContext;
use test_stores::on_each_store;
use tokio_util::sync::CancellationToken;

use super::broker::Broker;
use super::{Counted, Counter, NOW, Process, chance};
use crate::StagedEvents;

#[test]
fn events_of_a_transaction_that_is_not_committed_are_never_published() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut pending = StagedEvents::default();
        let event = Counter::Counted(Counted { id: 1, n: 1 });
        process.outbox.stage(&mut pending, &event, None).unwrap();
        let mut tx = process.store.begin().await.unwrap();
        // Rejected at the commit, when the event is already written.
        sqlx::query("INSERT INTO notes (id) VALUES (404)").execute(&mut *tx).await.unwrap();
        process.outbox.commit(tx, pending).await.unwrap_err();
        assert_eq!(process.waiting().await, []);
        process.commit_counts(2, [1]).await;
        assert_eq!(process.waiting().await.len(), 1, "the next transaction is not affected");
    });
}

#[test]
fn an_event_is_published_with_all_its_attributes() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let trace = TraceContext::new(&chance(1));
        let mut pending = StagedEvents::default();
        process.outbox.stage(&mut pending, &Counter::Counted(Counted { id: 7, n: -3 }), Some(trace)).unwrap();
        process.outbox.commit(process.store.begin().await.unwrap(), pending).await.unwrap();
        let broker = Arc::new(Broker::default());
        let stop = CancellationToken::new();
        stop.cancel();
        let relay = broker.relay(&process);
        let lead = process.store.try_acquire_leadership("outbox").await.unwrap().unwrap();
        relay.publish_as_leader(lead, &stop).await.unwrap();
        let accepted = broker.accepted.lock().unwrap().clone();
        let [(topic, envelope)] = accepted.as_slice() else { panic!("{accepted:?}") };
        assert_eq!(
            (topic.as_str(), envelope.kind.as_str(), envelope.subject.as_str()),
            ("test.reader", "Counted", "7")
        );
        assert_eq!((envelope.source.as_str(), envelope.time, envelope.trace), ("/test/reader", NOW, Some(trace)));
        assert_eq!(envelope.data, r#"{"id":7,"n":-3}"#);
        assert!(envelope.id.len() == 36, "{}", envelope.id);
    });
}

#[test]
fn the_outbox_keeps_the_order_of_ten_thousand_events_of_one_transaction() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        process.commit_counts(1, 0..10_000).await;
        let expected: Vec<String> = (0..10_000).map(|n| format!("{{\"id\":1,\"n\":{n}}}")).collect();
        let waiting: Vec<String> = process.waiting().await.into_iter().map(|(_, data)| data).collect();
        assert!(waiting == expected, "the order is another one");
    });
}
