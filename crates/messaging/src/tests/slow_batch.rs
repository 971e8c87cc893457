//! A slow batch: its offsets are stored in parts, and the broker is polled in between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::{Ids, SystemClock};
use async_trait::async_trait;
use test_stores::{eventually, on_each_store};
use tokio_util::sync::CancellationToken;

use super::Process;
use super::tally::{TOO_MUCH, counted};
use crate::inbound::consumer::Consumer;
use crate::{Broker, GroupMember, JoinError, PublishBatch, PublishError, Publisher, ReceiveError, Record};

/// Events that the store rejects, delivered at once.
const REJECTED: i64 = 60;

/// A broker that records stored offsets and polls.
#[derive(Debug, Clone, Default)]
struct Recording {
    polls: Arc<AtomicUsize>,
    /// The stored offsets, each with the number of polls before.
    stored: Arc<Mutex<Vec<(i64, usize)>>>,
}

#[async_trait]
impl Publisher for Recording {
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>> {
        batch.events.iter().map(|_| Ok(())).collect()
    }
}

#[async_trait]
impl Broker for Recording {
    async fn join(&self, _group: &str, _topics: &[String]) -> Result<Box<dyn GroupMember>, JoinError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl GroupMember for Recording {
    async fn next(&self) -> Result<Record, ReceiveError> {
        let offset = i64::try_from(self.polls.fetch_add(1, Ordering::SeqCst)).unwrap();
        if offset < REJECTED {
            return Ok(counted(offset, &format!("event {offset}"), offset, TOO_MUCH));
        }
        std::future::pending().await
    }

    fn store_offsets(&self, next: BTreeMap<(String, i32), i64>) {
        let polls = self.polls.load(Ordering::SeqCst);
        self.stored.lock().unwrap().extend(next.into_values().map(|end| (end, polls)));
    }

    async fn leave(self: Box<Self>) {}
}

#[test]
fn offsets_of_a_slow_batch_are_stored_in_parts_and_the_broker_is_polled_in_between() {
    on_each_store(async |place| {
        let mut process = Process::on(place).await;
        process.config.consumer_batch_time = Duration::from_millis(1);
        let broker = Recording::default();
        let consumer = Consumer {
            processor: process.processor(),
            ids: Arc::new(Ids::from_entropy(Arc::new(SystemClock))),
            topics: vec![process.config.topic("counter")],
            broker: Arc::new(broker.clone()),
        };
        let stop = CancellationToken::new();
        let (stopping, running) = (stop.clone(), tokio::spawn(async move { consumer.run(&stop).await }));
        let last = || broker.stored.lock().unwrap().last().map(|(end, _)| *end);
        eventually("all offsets are stored", async || last() == Some(REJECTED)).await;
        stopping.cancel();
        running.await.unwrap();
        let stored = broker.stored.lock().unwrap().clone();
        assert!(stored.len() > 3, "{stored:?}");
        assert!(stored.is_sorted() && stored.windows(2).all(|two| two[0].1 < two[1].1), "{stored:?}");
        assert_eq!(process.letters().await.len(), usize::try_from(REJECTED).unwrap());
    });
}
