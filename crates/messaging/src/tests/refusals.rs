//! Permanently rejected events do not block the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use test_stores::{eventually, on_each_store};

use super::broker::Broker;
use super::relay::Running;
use super::{Counted, Counter, Process};
use crate::outbound::refused;
use crate::{Config, StagedEvents};

async fn refused_numbers(process: &Process) -> Vec<(String, i64)> {
    let events = refused::list(&process.store).await.unwrap();
    events.into_iter().map(|event| (event.subject, event.refusals)).collect()
}

#[test]
fn a_permanently_rejected_event_is_set_aside_and_later_ones_of_its_key_are_published() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        broker.permanent.lock().unwrap().extend([(1, 1), (2, 0)]);
        process.commit_all((0..3).flat_map(|n| [(1, n), (2, n), (3, n)])).await;
        let _relay = Running::start(&broker, &process);
        eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;
        let expected = [(1, vec![0, 2]), (2, vec![1, 2]), (3, vec![0, 1, 2])];
        assert_eq!(broker.by_key(), BTreeMap::from(expected));
        let events = refused::list(&process.store).await.unwrap();
        assert_eq!(refused::count(&process.store).await.unwrap(), 2);
        let [two, one] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((one.subject.as_str(), two.subject.as_str()), ("1", "2"));
        assert_eq!((one.topic.as_str(), one.kind.as_str(), one.bytes), ("test.reader", "Counted", 14));
        assert_eq!((one.reason.as_str(), one.refusals), ("never", 2));
        assert_eq!(one.refused_at, one.happened_at, "the clock of the test stands still");
    });
}

#[test]
fn an_event_that_was_rejected_because_of_another_one_in_its_batch_is_published() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker { whole_batch: true, ..Broker::default() });
        broker.permanent.lock().unwrap().insert((2, 0));
        process.commit_all((1..=20).map(|id| (id, 0))).await;
        let _relay = Running::start(&broker, &process);
        eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;
        assert_eq!(refused_numbers(&process).await, [("2".to_owned(), 2)]);
        assert_eq!(broker.by_key().len(), 19);
    });
}

#[test]
fn a_refused_event_that_is_put_back_precedes_later_ones_and_its_rejections_add_up() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let broker = Arc::new(Broker::default());
        broker.permanent.lock().unwrap().extend([(1, 0), (2, 0)]);
        process.commit_all([(1, 0), (2, 0)]).await;
        {
            let _relay = Running::start(&broker, &process);
            eventually("both are set aside", async || refused_numbers(&process).await.len() == 2).await;
        }
        process.commit_counts(1, [1]).await;
        let ids: Vec<String> =
            refused::list(&process.store).await.unwrap().into_iter().map(|event| event.event_id).collect();
        assert_eq!(refused::put_back(&process.store, &ids).await.unwrap(), 2);
        assert_eq!(refused::put_back(&process.store, &ids).await.unwrap(), 0);
        assert_eq!(refused_numbers(&process).await, []);
        broker.permanent.lock().unwrap().remove(&(1, 0));
        let _relay = Running::start(&broker, &process);
        eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;
        assert_eq!(broker.by_key(), BTreeMap::from([(1, vec![0, 1])]));
        assert_eq!(refused_numbers(&process).await, [("2".to_owned(), 4)]);
    });
}

#[test]
fn a_batch_is_bounded_in_bytes_and_a_larger_event_is_published_alone() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let config = Config { outbox_batch_bytes: 100_000, ..process.config.clone() };
        let process = Process { config, ..process };
        let broker = Arc::new(Broker::default());
        let mut tx = process.store.begin().await.unwrap();
        let sql = "INSERT INTO outbox (event_id, topic, subject, kind, happened_at, data) \
                   VALUES ('e', 'test.reader', $1, 'Counted', 0, $2)";
        let sizes: [usize; 40] = std::array::from_fn(|n| [10_000, 60_000, 250_000, 40][n % 4]);
        for (n, size) in sizes.iter().enumerate() {
            let data = format!("{{\"id\":{n},\"n\":0,\"pad\":\"{}\"}}", "x".repeat(*size));
            sqlx::query(sql).bind(n.to_string()).bind(data).execute(&mut *tx).await.unwrap();
        }
        process.outbox.commit(tx, StagedEvents::default()).await.unwrap();
        let _relay = Running::start(&broker, &process);
        eventually("the outbox is empty", async || process.waiting().await.is_empty()).await;
        assert_eq!(broker.by_key().len(), 40);
        for batch in broker.sizes.lock().unwrap().iter() {
            assert!(batch.len() == 1 || batch.iter().sum::<usize>() <= 100_000, "{batch:?}");
        }
        let most = broker.sizes.lock().unwrap().iter().map(Vec::len).max();
        assert!(most >= Some(2), "small events still go together");
    });
}

#[test]
fn an_event_that_is_larger_than_the_broker_accepts_is_not_written() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut pending = StagedEvents::default();
        let large = Counter::Noted("x".repeat(1_000_000));
        let refused = process.outbox.stage(&mut pending, &large, None).unwrap_err().to_string();
        assert!(refused.contains("Noted has 1000002 bytes") && refused.contains("KAFKA_MESSAGE_BYTES"), "{refused}");
        process.outbox.stage(&mut pending, &Counter::Noted("x".repeat(900_000)), None).unwrap();
        process.outbox.stage(&mut pending, &Counter::Counted(Counted { id: 1, n: 1 }), None).unwrap();
        process.outbox.commit(process.store.begin().await.unwrap(), pending).await.unwrap();
        assert_eq!(process.waiting().await.len(), 2);
    });
}
