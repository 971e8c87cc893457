use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use events::Envelope;
use messaging::{Broker, GroupMember, JoinError, PublishBatch, PublishError, Publisher, ReceiveError, Record};
use tokio::time::{Instant, timeout};

use super::log::{Offsets, Partition, State};
use crate::World;
use crate::world::lock;

/// How often stored offsets are committed.
const COMMIT_INTERVAL: Duration = Duration::from_millis(500);

/// How often a member polls without a signal.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// The broker, as one process is connected to it.
pub(crate) struct BrokerClient {
    pub(crate) world: Arc<World>,
    pub(crate) process: String,
}

impl BrokerClient {
    fn is_unreachable(&self) -> bool {
        self.world.outages().broker_is_out_for(&self.process)
    }

    async fn publish_one(&self, topic: &str, event: &Envelope) -> Result<(), PublishError> {
        self.world.delay().await;
        let risks = self.world.risks();
        if self.is_unreachable() || self.world.occurs(risks.event_rejected) {
            return Err(PublishError::Transient("the broker does not answer".to_owned()));
        }
        self.world.log().append(topic, event);
        self.world.record(
            &self.process,
            event.subject.parse().ok(),
            format!("publishes {} ({})", event.kind, event.id),
        );
        self.world.delay().await;
        if self.is_unreachable() || self.world.occurs(risks.event_acknowledgement_lost) {
            return Err(PublishError::Transient("the broker's answer is lost".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Publisher for BrokerClient {
    async fn publish(&self, batch: PublishBatch) -> Vec<Result<(), PublishError>> {
        let sent = batch.events.iter().map(|(topic, event)| self.publish_one(topic, event));
        futures_util::future::join_all(sent).await
    }
}

#[async_trait]
impl Broker for BrokerClient {
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn GroupMember>, JoinError> {
        self.world.delay().await;
        // Tasks of a killed process may run until their next await.
        if self.is_unreachable() || !self.world.is_alive(&self.process) {
            return Err(JoinError("the broker does not answer".to_owned()));
        }
        let client = Self { world: Arc::clone(&self.world), process: self.process.clone() };
        let id = self.world.log().join(group, &self.process, topics);
        let position = Mutex::new(Position {
            generation: 0,
            next: Offsets::new(),
            stored: Offsets::new(),
            committed_at: Instant::now(),
        });
        Ok(Box::new(Member { client, group: group.to_owned(), topics: topics.to_vec(), id, position }))
    }
}

struct Member {
    client: BrokerClient,
    group: String,
    topics: Vec<String>,
    id: u64,
    position: Mutex<Position>,
}

struct Position {
    generation: u64,
    /// The next offset of each assigned partition.
    next: Offsets,
    /// Stored offsets that are not committed.
    stored: Offsets,
    committed_at: Instant,
}

impl Member {
    /// The next record of a random partition, if there is one.
    fn poll(&self) -> Option<Record> {
        let world = &self.client.world;
        if self.client.is_unreachable() {
            return None;
        }
        let (mut state, mut position) = (world.log().state(), lock(&self.position));
        let State { topics, groups, .. } = &mut *state;
        let group = groups.get_mut(&self.group)?;
        group.expire();
        if position.generation != group.generation || world.occurs(world.risks().redelivered) {
            *position = Position {
                generation: group.generation,
                next: group.assignment(self.id, &self.topics),
                stored: Offsets::new(),
                committed_at: Instant::now(),
            };
        }
        let record = |(topic, partition): &Partition, offset: i64| {
            let records = topics.get(topic)?.get(usize::try_from(*partition).ok()?)?;
            records.get(usize::try_from(offset).ok()?).cloned()
        };
        let waiting: Vec<Record> =
            position.next.iter().filter_map(|(partition, next)| record(partition, *next)).collect();
        let chosen = waiting.get(world.draw(|rng| rng.usize(0..waiting.len().max(1))))?.clone();
        let partition = (chosen.place.topic.clone(), chosen.place.partition);
        if world.log().commits_first {
            group.committed.insert(partition.clone(), chosen.place.offset + 1);
        }
        position.next.insert(partition, chosen.place.offset + 1);
        Some(chosen)
    }

    fn commit(&self) {
        let (mut state, mut position) = (self.client.world.log().state(), lock(&self.position));
        let Some(group) = state.groups.get_mut(&self.group) else { return };
        let stored = std::mem::take(&mut position.stored);
        // Revoked partitions are committed by their new owners.
        if position.generation == group.generation && !self.client.is_unreachable() {
            group.committed.extend(stored);
        }
        position.committed_at = Instant::now();
    }
}

#[async_trait]
impl GroupMember for Member {
    async fn next(&self) -> Result<Record, ReceiveError> {
        let world = &self.client.world;
        loop {
            world.delay().await;
            let woken = world.log().wake.notified();
            if let Some(record) = self.poll() {
                return Ok(record);
            }
            if lock(&self.position).committed_at.elapsed() >= COMMIT_INTERVAL {
                self.commit();
            }
            let _ = timeout(POLL_INTERVAL, woken).await;
        }
    }

    fn store_offsets(&self, next: BTreeMap<Partition, i64>) {
        let mut position = lock(&self.position);
        let assigned: BTreeSet<Partition> = position.next.keys().cloned().collect();
        position.stored.extend(next.into_iter().filter(|(partition, _)| assigned.contains(partition)));
        let due = position.committed_at.elapsed() >= COMMIT_INTERVAL;
        drop(position);
        if due {
            self.commit();
        }
    }

    async fn leave(self: Box<Self>) {
        self.commit();
        let mut state = self.client.world.log().state();
        if let Some(group) = state.groups.get_mut(&self.group) {
            group.leave(self.id);
        }
    }
}
