//! Where partitions end, kept in memory, so that a consumer that has read everything costs no query.
//!
//! Nobody else writes into the log: the folder's lock sees to that. So what was read once stays true until this process
//! changes it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tansu_sans_io::fetch_response::PartitionData;
use tokio::sync::watch;

/// A topic's name and a partition's number.
pub type Partition = (String, i32);

/// Newer clients name a topic by this alone.
pub type TopicId = [u8; 16];

/// What a request changes.
#[derive(Debug)]
pub enum Changed {
    /// These partitions get records.
    Partitions(Vec<Partition>),
    /// Topics or records are deleted: rare, so nothing is kept.
    Everything,
}

/// The ends of all partitions that were read to their end.
#[derive(Debug)]
pub struct Ends {
    known: Mutex<Known>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// How many changes there were.
    changes: u64,
    /// Which of them was the last to change everything.
    everything: u64,
    partitions: HashMap<Partition, Entry>,
    names: HashMap<TopicId, String>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The last change to this partition.
    changed: u64,
    /// The answer to a consumer that stands at the end.
    at_end: Option<PartitionData>,
}

/// A moment between changes.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

impl Ends {
    /// Knows nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { known: Mutex::default(), changes: watch::Sender::new(()) })
    }

    /// Tells of every change from now on.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// To be taken before something is read, and given back with it.
    pub fn moment(&self) -> Moment {
        Moment(self.known().changes)
    }

    /// Keeps what was read, unless it is no end, or something changed while it was read.
    pub fn keep(&self, read_after: Moment, topic: &str, data: &PartitionData) {
        let mut known = self.known();
        let everything = known.everything;
        let entry = known.partitions.entry((topic.to_owned(), data.partition_index)).or_default();
        if data.error_code == 0 && data.records.is_none() && entry.changed.max(everything) <= read_after.0 {
            entry.at_end = Some(data.clone());
        }
    }

    /// The answer to a consumer at this offset, if that is the end.
    pub fn at_end(&self, topic: &str, partition: i32, offset: i64) -> Option<PartitionData> {
        let known = self.known();
        let at_end = known.partitions.get(&(topic.to_owned(), partition))?.at_end.as_ref()?;
        (at_end.high_watermark == offset).then(|| at_end.clone())
    }

    /// Keeps a topic's name, unless topics were deleted while it was read.
    pub fn keep_name(&self, read_after: Moment, id: TopicId, name: String) {
        let mut known = self.known();
        if known.everything <= read_after.0 {
            known.names.insert(id, name);
        }
    }

    /// A topic's name, if it was read before.
    pub fn name(&self, id: &TopicId) -> Option<String> {
        self.known().names.get(id).cloned()
    }

    /// Tells of a change when it is dropped: after the change was made, and also when the one who made it was aborted.
    pub fn changing(self: &Arc<Self>, what: Changed) -> Changing {
        Changing { ends: Arc::clone(self), what }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, what: &Changed) {
        self.known().change(what);
        self.changes.send_replace(());
    }
}

impl Known {
    fn change(&mut self, what: &Changed) {
        self.changes += 1;
        match what {
            Changed::Everything => {
                self.everything = self.changes;
                self.partitions.clear();
                self.names.clear();
            }
            Changed::Partitions(partitions) => {
                for partition in partitions {
                    let changed = Entry { changed: self.changes, at_end: None };
                    self.partitions.insert(partition.clone(), changed);
                }
            }
        }
    }
}

/// A change that is being made.
#[must_use = "the change is told when this is dropped"]
pub struct Changing {
    ends: Arc<Ends>,
    what: Changed,
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.ends.change(&self.what);
    }
}
