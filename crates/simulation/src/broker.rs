//! A broker in memory: topics with partitions, and consumer groups that share them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ambient::Timestamp;
use async_trait::async_trait;
use events::{Envelope, TraceContext};
use messaging::{Broker, JoinError, ListenError, Membership, Place, PublishError, Publisher, Record, Wave};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::World;
use crate::world::lock;

/// Partitions of each topic.
const PARTITIONS: i32 = 3;

/// How long the work of a member that died is given to nobody.
const SESSION: Duration = Duration::from_secs(10);

/// How often what is finished is committed.
const COMMIT_EVERY: Duration = Duration::from_millis(500);

/// How soon a member looks again though nobody woke it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

type Partition = (String, i32);
type Offsets = BTreeMap<Partition, i64>;

/// All topics, and how far groups are.
#[derive(Debug)]
pub struct Log {
    state: Mutex<State>,
    wake: Notify,
    commits_first: bool,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, Vec<Vec<Record>>>,
    groups: BTreeMap<String, Group>,
    members: u64,
}

#[derive(Debug, Default)]
struct Group {
    committed: Offsets,
    members: BTreeMap<u64, Seat>,
    generation: u64,
}

#[derive(Debug)]
struct Seat {
    process: String,
    /// When its process died.
    died: Option<Instant>,
}

impl Log {
    pub(crate) fn new(commits_first: bool) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), commits_first }
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// All records of a topic; those of one key are in their order.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let state = lock(&self.state);
        state.topics.get(topic).map(|partitions| partitions.concat()).unwrap_or_default()
    }

    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        lock(&self.state).topics.keys().cloned().collect()
    }

    /// How many records groups with members have not committed, each group in each topic that it has begun to read.
    pub fn lag(&self) -> i64 {
        let state = lock(&self.state);
        let of = |group: &Group| {
            group
                .committed
                .iter()
                .map(|((topic, partition), committed)| {
                    let end = state.topics.get(topic).and_then(|all| all.get(usize::try_from(*partition).unwrap_or(0)));
                    i64::try_from(end.map_or(0, Vec::len)).unwrap_or(i64::MAX) - committed
                })
                .sum::<i64>()
        };
        state.groups.values().filter(|group| !group.members.is_empty()).map(of).sum()
    }

    fn append(&self, topic: &str, event: &Envelope) {
        let mut state = lock(&self.state);
        let partitions =
            state.topics.entry(topic.to_owned()).or_insert_with(|| (0..PARTITIONS).map(|_| Vec::new()).collect());
        let partition = event.subject.bytes().map(i32::from).sum::<i32>() % PARTITIONS;
        let records = &mut partitions[usize::try_from(partition).unwrap_or(0)];
        let offset = i64::try_from(records.len()).unwrap_or(i64::MAX);
        records.push(Record::carrying(event, Place { topic: topic.to_owned(), partition, offset }));
        drop(state);
        self.wake();
    }

    /// Appends what is about to be written into an outbox, as [`crate::Mutation::PublishBeforeCommit`] wants it, and
    /// returns these events.
    pub(crate) fn append_rows(&self, rows: &str) -> Vec<Envelope> {
        let rows: Vec<Value> = serde_json::from_str(rows).unwrap_or_default();
        let published = rows.iter().map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let event = Envelope {
                id: text("event_id"),
                source: String::new(),
                kind: text("kind"),
                subject: text("subject"),
                time: Timestamp::from_micros(row["happened_at"].as_i64().unwrap_or_default()),
                trace: row["trace"].as_str().and_then(TraceContext::parse),
                data: text("data"),
            };
            self.append(&text("topic"), &event);
            event
        });
        published.collect()
    }

    /// The members that a process has die with it: their work waits until their sessions are over.
    pub(crate) fn process_died(&self, process: &str) {
        let mut state = lock(&self.state);
        let seats = state.groups.values_mut().flat_map(|group| group.members.values_mut());
        seats.filter(|seat| seat.process == process).for_each(|seat| seat.died = Some(Instant::now()));
    }

    fn enter(&self, group: &str, process: &str, topics: &[String]) -> u64 {
        let mut state = lock(&self.state);
        state.members += 1;
        let id = state.members;
        let group = state.groups.entry(group.to_owned()).or_default();
        for partition in all(topics) {
            group.committed.entry(partition).or_insert(0);
        }
        group.members.insert(id, Seat { process: process.to_owned(), died: None });
        group.generation += 1;
        id
    }
}

fn all(topics: &[String]) -> Vec<Partition> {
    topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (topic.clone(), partition))).collect()
}

impl Group {
    /// Members whose session is over leave.
    fn expire(&mut self) {
        let before = self.members.len();
        self.members.retain(|_, seat| seat.died.is_none_or(|died| died.elapsed() < SESSION));
        if self.members.len() < before {
            self.generation += 1;
        }
    }

    /// What a member reads, and from where.
    fn share(&self, member: u64, topics: &[String]) -> Offsets {
        let Some(seat) = self.members.keys().position(|id| *id == member) else { return Offsets::new() };
        let mine = all(topics).into_iter().enumerate().filter(|(at, _)| at % self.members.len() == seat);
        mine.map(|(_, partition)| (partition.clone(), self.committed.get(&partition).copied().unwrap_or(0))).collect()
    }
}

/// The broker as one process reaches it.
pub(crate) struct Reach {
    pub(crate) world: Arc<World>,
    pub(crate) process: String,
}

impl Reach {
    fn is_away(&self) -> bool {
        self.world.away().is_broker_for(&self.process)
    }

    async fn publish_one(&self, topic: &str, event: &Envelope) -> Result<(), PublishError> {
        self.world.pass_time().await;
        let risks = self.world.risks();
        if self.is_away() || self.world.befalls(risks.event_refused) {
            return Err(PublishError("the broker does not answer".to_owned()));
        }
        self.world.log().append(topic, event);
        self.world.tell(&self.process, event.subject.parse().ok(), format!("says {} ({})", event.kind, event.id));
        self.world.pass_time().await;
        if self.is_away() || self.world.befalls(risks.event_unanswered) {
            return Err(PublishError("the broker's answer is lost".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl Publisher for Reach {
    async fn publish(&self, wave: Wave) -> Vec<Result<(), PublishError>> {
        let sent = wave.events.iter().map(|(topic, event)| self.publish_one(topic, event));
        futures_util::future::join_all(sent).await
    }
}

#[async_trait]
impl Broker for Reach {
    async fn join(&self, group: &str, topics: &[String]) -> Result<Box<dyn Membership>, JoinError> {
        self.world.pass_time().await;
        // A process that has died at this very moment has tasks that do not know it yet.
        if self.is_away() || !self.world.is_alive(&self.process) {
            return Err(JoinError("the broker does not answer".to_owned()));
        }
        let reach = Self { world: Arc::clone(&self.world), process: self.process.clone() };
        let id = self.world.log().enter(group, &self.process, topics);
        let reading = Mutex::new(Reading {
            generation: 0,
            next: Offsets::new(),
            done: Offsets::new(),
            committed: Instant::now(),
        });
        Ok(Box::new(Member { reach, group: group.to_owned(), topics: topics.to_vec(), id, reading }))
    }
}

struct Member {
    reach: Reach,
    group: String,
    topics: Vec<String>,
    id: u64,
    reading: Mutex<Reading>,
}

struct Reading {
    generation: u64,
    /// The next offset of each partition that it reads.
    next: Offsets,
    /// What is finished and not committed.
    done: Offsets,
    committed: Instant,
}

impl Member {
    /// The next record, if there is one.
    fn take(&self) -> Option<Record> {
        let world = &self.reach.world;
        if self.reach.is_away() {
            return None;
        }
        let (mut state, mut reading) = (lock(&world.log().state), lock(&self.reading));
        let State { topics, groups, .. } = &mut *state;
        let group = groups.get_mut(&self.group)?;
        group.expire();
        if reading.generation != group.generation || world.befalls(world.risks().redelivered) {
            *reading = Reading {
                generation: group.generation,
                next: group.share(self.id, &self.topics),
                done: Offsets::new(),
                committed: Instant::now(),
            };
        }
        let record = |(topic, partition): &Partition, offset: i64| {
            let records = topics.get(topic)?.get(usize::try_from(*partition).ok()?)?;
            records.get(usize::try_from(offset).ok()?).cloned()
        };
        let waiting: Vec<Record> =
            reading.next.iter().filter_map(|(partition, next)| record(partition, *next)).collect();
        let chosen = waiting.get(world.draw(|chance| chance.usize(0..waiting.len().max(1))))?.clone();
        let place = (chosen.place.topic.clone(), chosen.place.partition);
        if world.log().commits_first {
            group.committed.insert(place.clone(), chosen.place.offset + 1);
        }
        reading.next.insert(place, chosen.place.offset + 1);
        Some(chosen)
    }

    fn commit(&self) {
        let (mut state, mut reading) = (lock(&self.reach.world.log().state), lock(&self.reading));
        let Some(group) = state.groups.get_mut(&self.group) else { return };
        let done = std::mem::take(&mut reading.done);
        // What was given away meanwhile is another's.
        if reading.generation == group.generation && !self.reach.is_away() {
            group.committed.extend(done);
        }
        reading.committed = Instant::now();
    }
}

#[async_trait]
impl Membership for Member {
    async fn next(&self) -> Result<Record, ListenError> {
        let world = &self.reach.world;
        loop {
            world.pass_time().await;
            let woken = world.log().wake.notified();
            if let Some(record) = self.take() {
                return Ok(record);
            }
            if lock(&self.reading).committed.elapsed() >= COMMIT_EVERY {
                self.commit();
            }
            let _ = timeout(LOOK_AGAIN, woken).await;
        }
    }

    fn finish(&self, ends: BTreeMap<Partition, i64>) {
        let mut reading = lock(&self.reading);
        let mine: BTreeSet<Partition> = reading.next.keys().cloned().collect();
        reading.done.extend(ends.into_iter().filter(|(partition, _)| mine.contains(partition)));
        let due = reading.committed.elapsed() >= COMMIT_EVERY;
        drop(reading);
        if due {
            self.commit();
        }
    }

    async fn leave(self: Box<Self>) {
        self.commit();
        let mut state = lock(&self.reach.world.log().state);
        if let Some(group) = state.groups.get_mut(&self.group) {
            group.members.remove(&self.id);
            group.generation += 1;
        }
    }
}
