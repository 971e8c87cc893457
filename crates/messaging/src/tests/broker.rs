//! A broker that takes events, refuses them or makes them wait, as the test says.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::Ids;
use async_trait::async_trait;
use events::Envelope;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Counted, Process};
use crate::relay::Relay;
use crate::{PublishError, Publisher, Wave};

#[derive(Default)]
pub(super) struct Broker {
    /// All that it has, in its order.
    pub(super) has: Mutex<Vec<(String, Envelope)>>,
    /// Numbers that it refuses, each with its key.
    pub(super) refused: Mutex<HashSet<(i64, i64)>>,
    /// Waves that have arrived, done or not.
    pub(super) waves: Mutex<usize>,
    /// Closed: waves wait before it.
    pub(super) gate: Option<CancellationToken>,
    /// How it fails by chance.
    pub(super) moods: Option<Ids>,
}

impl Broker {
    fn refuses(&self, envelope: &Envelope) -> bool {
        let counted = counted(envelope);
        self.refused.lock().unwrap().contains(&(counted.id, counted.n))
    }

    fn fails(&self, chance: f64) -> bool {
        self.moods.as_ref().is_some_and(|moods| moods.chance(chance))
    }

    /// What it has of each key, in its order.
    pub(super) fn by_key(&self) -> BTreeMap<i64, Vec<i64>> {
        let mut by_key = BTreeMap::<i64, Vec<i64>>::new();
        for (_, envelope) in self.has.lock().unwrap().iter() {
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
            follower: process.follower.clone(),
        }
    }
}

fn counted(envelope: &Envelope) -> Counted {
    serde_json::from_str(&envelope.data).unwrap()
}

#[async_trait]
impl Publisher for Broker {
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>> {
        let keys: HashSet<_> = wave.events.iter().map(|(topic, event)| (topic, &event.subject)).collect();
        assert_eq!(keys.len(), wave.events.len(), "a wave holds one event of each key");
        *self.waves.lock().unwrap() += 1;
        if let Some(gate) = &self.gate {
            gate.cancelled().await;
        }
        let mut outcomes = Vec::new();
        for (topic, envelope) in wave.events {
            if let Some(moods) = &self.moods {
                sleep(moods.span(Duration::ZERO..Duration::from_micros(300))).await;
            }
            if self.refuses(&envelope) || self.fails(0.02) {
                outcomes.push(Err(PublishError("refused".to_owned())));
                continue;
            }
            self.has.lock().unwrap().push((topic, envelope));
            // It has the event, but its answer is lost.
            let lost = self.fails(0.02);
            outcomes.push(if lost { Err(PublishError("no answer".to_owned())) } else { Ok(()) });
        }
        outcomes
    }
}
