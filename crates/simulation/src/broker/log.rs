use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ambient::Timestamp;
use events::{Envelope, TraceContext};
use messaging::{Record, RecordPosition};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Partitions of each topic.
const PARTITIONS: i32 = 3;

/// How long the partitions of a dead member stay assigned to it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Topic and number.
pub(crate) type Partition = (String, i32);
pub(crate) type Offsets = BTreeMap<Partition, i64>;

/// The topics, and the consumer groups with their committed offsets.
#[derive(Debug)]
pub struct Log {
    state: Mutex<State>,
    pub(crate) wake: Notify,
    /// Whether the offset of a record is committed when it is delivered: see [`crate::Mutation::CommitOffsetFirst`].
    pub(crate) commits_first: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) topics: BTreeMap<String, Vec<Vec<Record>>>,
    pub(crate) groups: BTreeMap<String, Group>,
    last_member: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) committed: Offsets,
    members: BTreeMap<u64, Member>,
    pub(crate) generation: u64,
}

#[derive(Debug)]
struct Member {
    process: String,
    /// When its process was killed.
    died: Option<Instant>,
}

impl Log {
    pub(crate) fn new(commits_first: bool) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), commits_first }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// All records of a topic; those of one key are in their order.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let state = self.state();
        state.topics.get(topic).map(|partitions| partitions.concat()).unwrap_or_default()
    }

    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        self.state().topics.keys().cloned().collect()
    }

    /// The number of uncommitted records, over all groups with members and the topics that they consume.
    pub fn lag(&self) -> i64 {
        let state = self.state();
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

    pub(crate) fn append(&self, topic: &str, event: &Envelope) {
        let mut state = self.state();
        let partitions =
            state.topics.entry(topic.to_owned()).or_insert_with(|| (0..PARTITIONS).map(|_| Vec::new()).collect());
        let partition = event.subject.bytes().map(i32::from).sum::<i32>() % PARTITIONS;
        let records = &mut partitions[usize::try_from(partition).unwrap_or(0)];
        let offset = i64::try_from(records.len()).unwrap_or(i64::MAX);
        records.push(Record::carrying(event, RecordPosition { topic: topic.to_owned(), partition, offset }));
        drop(state);
        self.wake();
    }

    /// Appends the events of rows that are to be inserted into an outbox, for [`crate::Mutation::PublishBeforeCommit`].
    /// Returns these events.
    pub(crate) fn append_rows(&self, rows: &str) -> Vec<Envelope> {
        let rows: Vec<Value> = serde_json::from_str(rows).unwrap_or_default();
        let published = rows.iter().map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let event = Envelope {
                id: text("event_id"),
                source: source(&text("topic")),
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

    /// Marks the members of a process as dead: they keep their partitions until their sessions time out.
    pub(crate) fn process_died(&self, process: &str) {
        let mut state = self.state();
        let members = state.groups.values_mut().flat_map(|group| group.members.values_mut());
        members.filter(|member| member.process == process).for_each(|member| member.died = Some(Instant::now()));
    }

    pub(crate) fn join(&self, group: &str, process: &str, topics: &[String]) -> u64 {
        let mut state = self.state();
        state.last_member += 1;
        let id = state.last_member;
        let group = state.groups.entry(group.to_owned()).or_default();
        for partition in partitions(topics) {
            group.committed.entry(partition).or_insert(0);
        }
        group.members.insert(id, Member { process: process.to_owned(), died: None });
        group.generation += 1;
        id
    }
}

/// The source that the relay gives to the events of a topic, `/FLEET/CONTEXT`. Consumers decode an event by it.
fn source(topic: &str) -> String {
    topic.split('.').take(2).flat_map(|part| ["/", part]).collect()
}

fn partitions(topics: &[String]) -> Vec<Partition> {
    topics.iter().flat_map(|topic| (0..PARTITIONS).map(move |partition| (topic.clone(), partition))).collect()
}

impl Group {
    /// Removes members whose session has timed out.
    pub(crate) fn expire(&mut self) {
        let before = self.members.len();
        self.members.retain(|_, member| member.died.is_none_or(|died| died.elapsed() < SESSION_TIMEOUT));
        if self.members.len() < before {
            self.generation += 1;
        }
    }

    /// Removes a member; the others are rebalanced.
    pub(crate) fn leave(&mut self, member: u64) {
        self.members.remove(&member);
        self.generation += 1;
    }

    /// The partitions that are assigned to a member, with their committed offsets.
    pub(crate) fn assignment(&self, member: u64, topics: &[String]) -> Offsets {
        let Some(index) = self.members.keys().position(|id| *id == member) else { return Offsets::new() };
        let assigned = partitions(topics).into_iter().enumerate().filter(|(at, _)| at % self.members.len() == index);
        assigned
            .map(|(_, partition)| (partition.clone(), self.committed.get(&partition).copied().unwrap_or(0)))
            .collect()
    }
}
