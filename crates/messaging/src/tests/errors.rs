//! A broker that was away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ambient::{Ids, SystemClock};
use async_trait::async_trait;
use test_stores::{eventually, on_sqlite};
use tokio_util::sync::CancellationToken;

use super::Process;
use super::tally::counted;
use crate::consumer::Consumer;
use crate::{Broker, JoinError, ListenError, Membership, PublishError, Publisher, Record, Wave};

/// Errors that have lined up: at two a second, as it once was, they would take five minutes.
const ERRORS: u32 = 600;

/// A broker that has errors to tell before its one record.
#[derive(Debug, Default)]
struct Crowded {
    told: Arc<AtomicU32>,
}

#[async_trait]
impl Publisher for Crowded {
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>> {
        wave.events.iter().map(|_| Ok(())).collect()
    }
}

#[async_trait]
impl Broker for Crowded {
    async fn join(&self, _group: &str, _topics: &[String]) -> Result<Box<dyn Membership>, JoinError> {
        Ok(Box::new(Self { told: Arc::clone(&self.told) }))
    }
}

#[async_trait]
impl Membership for Crowded {
    async fn next(&self) -> Result<Record, ListenError> {
        match self.told.fetch_add(1, Ordering::SeqCst) {
            ..ERRORS => Err(ListenError::Passing("all brokers are down".to_owned())),
            ERRORS => Ok(counted(0, "a", 1, 7)),
            _ => std::future::pending().await,
        }
    }

    fn finish(&self, _ends: BTreeMap<(String, i32), i64>) {}

    async fn leave(self: Box<Self>) {}
}

#[test]
fn a_record_is_not_held_up_by_the_errors_of_a_broker_that_is_back() {
    on_sqlite(async |place| {
        let process = Process::on(place).await;
        let consumer = Consumer {
            batches: process.batches(),
            ids: Arc::new(Ids::from_entropy(Arc::new(SystemClock))),
            listen: vec![process.config.topic("counter")],
            broker: Arc::new(Crowded::default()),
        };
        let stop = CancellationToken::new();
        let (stopping, running) = (stop.clone(), tokio::spawn(async move { consumer.run(&stop).await }));
        eventually("it is heard", async || process.total(1).await == 7).await;
        stopping.cancel();
        running.await.unwrap();
    });
}
