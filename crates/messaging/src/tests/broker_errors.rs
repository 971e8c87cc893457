//! A consumer after an outage of the broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ambient::{Ids, SystemClock};
use async_trait::async_trait;
use test_stores::{eventually, on_sqlite};
use tokio_util::sync::CancellationToken;

use super::Process;
use super::tally::counted;
use crate::inbound::consumer::Consumer;
use crate::{Broker, GroupMember, JoinError, PublishBatch, PublishError, Publisher, ReceiveError, Record};

/// Queued errors: with a pause of half a second for each, they would take five minutes.
const ERRORS: u32 = 600;

/// A broker that returns errors before its one record.
#[derive(Debug, Default)]
struct QueuedErrors {
    calls: Arc<AtomicU32>,
}

#[async_trait]
impl Publisher for QueuedErrors {
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>> {
        batch.events.iter().map(|_| Ok(())).collect()
    }
}

#[async_trait]
impl Broker for QueuedErrors {
    async fn join(&self, _group: &str, _topics: &[String]) -> Result<Box<dyn GroupMember>, JoinError> {
        Ok(Box::new(Self { calls: Arc::clone(&self.calls) }))
    }
}

#[async_trait]
impl GroupMember for QueuedErrors {
    async fn next(&self) -> Result<Record, ReceiveError> {
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            ..ERRORS => Err(ReceiveError::Transient("all brokers are down".to_owned())),
            ERRORS => Ok(counted(0, "a", 1, 7)),
            _ => std::future::pending().await,
        }
    }

    fn store_offsets(&self, _next: BTreeMap<(String, i32), i64>) {}

    async fn leave(self: Box<Self>) {}
}

#[test]
fn a_record_is_not_delayed_by_queued_errors_once_the_broker_is_back() {
    on_sqlite(async |place| {
        let process = Process::on(place).await;
        let consumer = Consumer {
            processor: process.processor(),
            ids: Arc::new(Ids::from_entropy(Arc::new(SystemClock))),
            topics: vec![process.config.topic("counter")],
            broker: Arc::new(QueuedErrors::default()),
        };
        let stop = CancellationToken::new();
        let (stopping, running) = (stop.clone(), tokio::spawn(async move { consumer.run(&stop).await }));
        eventually("the record is applied", async || process.total(1).await == 7).await;
        stopping.cancel();
        running.await.unwrap();
    });
}
