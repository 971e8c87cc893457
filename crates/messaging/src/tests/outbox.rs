//! What is said, and when it becomes true.

use std::sync::Arc;

use events::TraceContext;
use test_stores::on_each_store;
use tokio_util::sync::CancellationToken;

use super::broker::Broker;
use super::{Counted, Counter, NOW, Process, chance};
use crate::Saying;

#[test]
fn what_a_transaction_says_that_is_not_committed_is_never_published() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let mut saying = Saying::default();
        let event = Counter::Counted(Counted { id: 1, n: 1 });
        process.outbox.say(&mut saying, &event, None).unwrap();
        let mut tx = process.store.begin().await.unwrap();
        // Refused at the last moment, when all is written, and the event too.
        sqlx::query("INSERT INTO notes (id) VALUES (404)").execute(&mut *tx).await.unwrap();
        process.outbox.commit(tx, saying).await.unwrap_err();
        assert_eq!(process.waiting().await, []);
        process.say(2, [1]).await;
        assert_eq!(process.waiting().await.len(), 1, "the next transaction is none the worse for it");
    });
}

#[test]
fn an_event_travels_with_all_that_belongs_to_it() {
    on_each_store(async |place| {
        let process = Process::on(place).await;
        let trace = TraceContext::new(&chance(1));
        let mut saying = Saying::default();
        process.outbox.say(&mut saying, &Counter::Counted(Counted { id: 7, n: -3 }), Some(trace)).unwrap();
        process.outbox.commit(process.store.begin().await.unwrap(), saying).await.unwrap();
        let broker = Arc::new(Broker::default());
        let stop = CancellationToken::new();
        stop.cancel();
        let relay = broker.relay(&process);
        let lead = process.store.try_lead("outbox").await.unwrap().unwrap();
        relay.lead(lead, &stop).await.unwrap();
        let has = broker.has.lock().unwrap().clone();
        let [(topic, envelope)] = has.as_slice() else { panic!("{has:?}") };
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
        process.say(1, 0..10_000).await;
        let expected: Vec<String> = (0..10_000).map(|n| format!("{{\"id\":1,\"n\":{n}}}")).collect();
        let waiting: Vec<String> = process.waiting().await.into_iter().map(|(_, data)| data).collect();
        assert!(waiting == expected, "the order is another one");
    });
}
