//! A scripted broker: accepts, rejects or delays events.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::Ids;
use async_trait::async_trait;
use events::Envelope;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Counted, Process};
use crate::outbound::relay::Relay;
use crate::{PublishBatch, PublishError, Publisher};

#[derive(Default)]
pub(super) struct Broker {
    /// All accepted events, in their order.
    pub(super) accepted: Mutex<Vec<(String, Envelope)>>,
    /// Keys and numbers of events that it rejects for now.
    pub(super) transient: Mutex<HashSet<(i64, i64)>>,
    /// Keys and numbers of events that it rejects permanently.
    pub(super) permanent: Mutex<HashSet<(i64, i64)>>,
    /// Whether one rejected event rejects its whole batch, as in Kafka.
    pub(super) whole_batch: bool,
    /// Bytes of the events of each batch.
    pub(super) sizes: Mutex<Vec<Vec<usize>>>,
    /// The number of batches so far.
    pub(super) batches: Mutex<usize>,
    /// Batches wait until it is cancelled.
    pub(super) gate: Option<CancellationToken>,
    /// The source of random faults.
    pub(super) faults: Option<Ids>,
}

impl Broker {
    fn rejects_now(&self, envelope: &Envelope) -> bool {
        let counted = counted(envelope);
        self.transient.lock().unwrap().contains(&(counted.id, counted.n))
    }

    fn rejects_permanently(&self, envelope: &Envelope) -> bool {
        let counted = counted(envelope);
        self.permanent.lock().unwrap().contains(&(counted.id, counted.n))
    }

    fn fails(&self, chance: f64) -> bool {
        self.faults.as_ref().is_some_and(|faults| faults.chance(chance))
    }

    /// The accepted numbers of each key, in their order.
    pub(super) fn by_key(&self) -> BTreeMap<i64, Vec<i64>> {
        let mut by_key = BTreeMap::<i64, Vec<i64>>::new();
        for (_, envelope) in self.accepted.lock().unwrap().iter() {
            let counted = counted(envelope);
            by_key.entry(counted.id).or_default().push(counted.n);
        }
        by_key
    }

    /// A relay of `process` to this broker.
    pub(super) fn relay(self: &Arc<Self>, process: &Process) -> Relay {
        Relay {
            store: process.store.clone(),
            outbox: process.outbox.clone(),
            publisher: self.clone(),
            config: process.config.clone(),
            source: "/test/reader".to_owned(),
            trace_links: process.trace_links.clone(),
        }
    }
}

fn counted(envelope: &Envelope) -> Counted {
    serde_json::from_str(&envelope.data).unwrap()
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>> {
        let keys: HashSet<_> = batch.events.iter().map(|(topic, event)| (topic, &event.subject)).collect();
        assert_eq!(keys.len(), batch.events.len(), "a batch holds one event of each key");
        *self.batches.lock().unwrap() += 1;
        if let Some(gate) = &self.gate {
            gate.cancelled().await;
        }
        self.sizes.lock().unwrap().push(batch.events.iter().map(|(_, event)| event.data.len()).collect());
        let spoiled = self.whole_batch && batch.events.iter().any(|(_, event)| self.rejects_permanently(event));
        let mut outcomes = Vec::new();
        for (topic, envelope) in batch.events {
            if let Some(faults) = &self.faults {
                sleep(faults.span(Duration::ZERO..Duration::from_micros(300))).await;
            }
            if spoiled || self.rejects_permanently(&envelope) {
                outcomes.push(Err(PublishError::Permanent("never".to_owned())));
                continue;
            }
            if self.rejects_now(&envelope) || self.fails(0.02) {
                outcomes.push(Err(PublishError::Transient("refused".to_owned())));
                continue;
            }
            self.accepted.lock().unwrap().push((topic, envelope));
            // It has accepted the event, but the acknowledgement is lost.
            let lost = self.fails(0.02);
            outcomes.push(if lost { Err(PublishError::Transient("no answer".to_owned())) } else { Ok(()) });
        }
        outcomes
    }
}
