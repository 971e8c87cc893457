use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use ambient::Timestamp;
use events::{excerpt, shown};
use messaging::admin::{self, From, KafkaError, Reader};
use messaging::{Config, DeadLetter, Record, RecordPosition};

/// What the name of a topic of dead letters ends with.
const LETTERS: &str = ".dead-letters";

/// Characters of an event's data that a report shows at most.
const MOST_SHOWN: usize = 4_000;

/// An event in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The business case: the event's subject.
    pub case: i64,
    /// The context whose topic has it.
    pub context: Arc<str>,
    /// The partition of the topic.
    pub partition: i32,
    /// The position in the partition.
    pub offset: i64,
    /// Unique among all events.
    pub id: Box<str>,
    /// Its type.
    pub kind: Arc<str>,
    /// Its time, by the clock of the process that publishes it.
    pub time: Timestamp,
    /// JSON text.
    pub data: Box<str>,
    /// Whether an earlier event has the same id.
    pub repeated: bool,
}

/// Two events with the same id, as indices into [`Journal::events`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The first one.
    pub first: usize,
    /// A later one.
    pub again: usize,
}

/// A record that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Its position.
    pub place: RecordPosition,
    /// The case, if its key names one.
    pub case: Option<i64>,
    /// The reason.
    pub reason: String,
}

/// The records of all topics of a fleet.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    events: Vec<Event>,
    repeats: Vec<Repeat>,
    unreadable: Vec<Unreadable>,
    letters: Vec<(String, DeadLetter)>,
}

/// Why topics cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The broker fails.
    #[error("the topics at {brokers} cannot be read: {source}")]
    Broker {
        /// The addresses of the broker.
        brokers: String,
        /// The cause.
        source: KafkaError,
    },
}

impl Journal {
    /// From the records of each context's topic. Those of its dead letters are under `CONTEXT.dead-letters`.
    pub fn of(records: BTreeMap<String, Vec<Record>>) -> Self {
        let mut draft = Draft::default();
        for (topic, records) in records {
            for record in records {
                draft.take(&topic, record);
            }
        }
        draft.finish()
    }

    /// Reads the topics of these contexts, and their dead letters, from the beginning to the present end. Blocks.
    pub fn read(config: &Config, contexts: &[&str]) -> Result<Self, JournalError> {
        let topics = contexts.iter().map(|context| (config.topic(context), (*context).to_owned()));
        let letters = contexts.iter().map(|context| (config.dead_letter_topic(context), format!("{context}{LETTERS}")));
        let names: BTreeMap<String, String> = topics.chain(letters).collect();
        let topics: Vec<String> = names.keys().cloned().collect();
        let mut draft = Draft::default();
        let read = Reader::new(config, &topics, From::Beginning)
            .and_then(|mut reader| reader.each(|record| draft.take(&names[&record.place.topic], record)));
        read.map_err(|source| JournalError::Broker { brokers: config.kafka_brokers.clone(), source })?;
        Ok(draft.finish())
    }

    /// The same without the records at these positions that are no events, and without the dead letters about them: for
    /// a test that publishes such records itself.
    #[must_use]
    pub fn without(mut self, positions: &BTreeSet<RecordPosition>) -> Self {
        self.unreadable.retain(|record| !positions.contains(&record.place));
        self.letters.retain(|(_, letter)| !positions.contains(&letter.place));
        self
    }

    /// All events, by case, context and position: those of one case and context are in the order of their topic.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events of a case, repeats included, context by context in the order of their topics.
    pub fn history(&self, case: i64) -> &[Event] {
        let from = self.events.partition_point(|event| event.case < case);
        let to = from + self.events[from..].partition_point(|event| event.case == case);
        &self.events[from..to]
    }

    /// The events of a case without repeats, context by context in the order of their topics.
    pub fn firsts(&self, case: i64) -> impl Iterator<Item = &Event> {
        self.history(case).iter().filter(|event| !event.repeated)
    }

    /// The events of each case that there is, as [`Journal::history`] gives them.
    pub fn cases(&self) -> impl Iterator<Item = &[Event]> {
        self.events.chunk_by(|one, other| one.case == other.case)
    }

    /// The events whose id occurs more than once.
    pub fn repeats(&self) -> &[Repeat] {
        &self.repeats
    }

    /// The records that are no events.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The dead letters that are not redriven, each with the context that could not handle it.
    pub fn unresolved_letters(&self) -> &[(String, DeadLetter)] {
        &self.letters
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { context, partition, offset, kind, data, .. } = self;
        write!(f, "{context}/{partition}/{offset} {} {}", excerpt(kind), shown(data, MOST_SHOWN))?;
        if self.repeated { write!(f, " (repeated)") } else { Ok(()) }
    }
}

/// A journal under construction.
#[derive(Default)]
struct Draft {
    /// Names, shared by the events that have them.
    names: HashMap<String, Arc<str>>,
    events: Vec<Event>,
    unreadable: Vec<Unreadable>,
    letters: BTreeMap<String, Vec<Record>>,
}

impl Draft {
    fn take(&mut self, topic: &str, record: Record) {
        if let Some(context) = topic.strip_suffix(LETTERS) {
            return self.letters.entry(context.to_owned()).or_default().push(record);
        }
        match self.event(topic, &record) {
            Ok(event) => self.events.push(event),
            Err(reason) => {
                let key = record.key.as_deref().unwrap_or_default();
                let case = std::str::from_utf8(key).ok().and_then(|key| key.parse().ok());
                self.unreadable.push(Unreadable { place: record.place, case, reason });
            }
        }
    }

    fn event(&mut self, context: &str, record: &Record) -> Result<Event, String> {
        let envelope = record.envelope().map_err(|error| error.to_string())?;
        let subject = &envelope.subject;
        Ok(Event {
            case: subject.parse().map_err(|_| format!("its subject is \"{}\", no number", excerpt(subject)))?,
            context: self.name(context),
            partition: record.place.partition,
            offset: record.place.offset,
            id: envelope.id.into(),
            kind: self.name(&envelope.kind),
            time: envelope.time,
            data: envelope.data.into(),
            repeated: false,
        })
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.names.insert(name.to_owned(), Arc::clone(&new));
        new
    }

    fn finish(mut self) -> Journal {
        self.events.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        let repeats = repeats(&self.events);
        for repeat in &repeats {
            self.events[repeat.again].repeated = true;
        }
        let letters = self.letters.into_iter().flat_map(|(context, records)| {
            let open = admin::unresolved_letters(&records);
            open.into_iter().map(move |letter| (context.clone(), letter))
        });
        Journal { repeats, events: self.events, unreadable: self.unreadable, letters: letters.collect() }
    }
}

fn place(event: &Event) -> (i64, &str, i32, i64) {
    (event.case, &event.context, event.partition, event.offset)
}

fn repeats(events: &[Event]) -> Vec<Repeat> {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(events.len());
    let mut repeats = Vec::new();
    for (again, event) in events.iter().enumerate() {
        let first = *first.entry(&event.id).or_insert(again);
        if first != again {
            repeats.push(Repeat { first, again });
        }
    }
    repeats
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use events::Envelope;

    pub(crate) fn envelope(id: &str, subject: &str, kind: &str) -> Envelope {
        Envelope {
            id: id.to_owned(),
            source: "/harbour/crane".to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: Timestamp::from_micros(1_795_246_200_000_000),
            trace: None,
            data: "{}".to_owned(),
        }
    }

    pub(crate) fn at(partition: i32, offset: i64, envelope: &Envelope) -> Record {
        Record::carrying(envelope, RecordPosition { topic: "harbour.crane".to_owned(), partition, offset })
    }

    pub(crate) fn journal(records: Vec<Record>) -> Journal {
        Journal::of(BTreeMap::from([("crane".to_owned(), records)]))
    }

    #[test]
    fn the_events_of_a_case_are_in_the_order_of_their_topic_and_repeats_are_known() {
        let (up, down) = (envelope("a", "7", "Lifted"), envelope("b", "7", "Lowered"));
        let records = [at(0, 3, &up), at(0, 2, &down), at(0, 0, &up), at(0, 1, &envelope("c", "8", "Lifted"))];
        let journal = journal(records.to_vec());
        let kinds: Vec<String> = journal.history(7).iter().map(ToString::to_string).collect();
        assert_eq!(kinds, ["crane/0/0 Lifted {}", "crane/0/2 Lowered {}", "crane/0/3 Lifted {} (repeated)"]);
        assert_eq!(journal.firsts(7).count(), 2);
        assert_eq!(journal.repeats(), [Repeat { first: 0, again: 2 }]);
        assert_eq!((journal.history(8).len(), journal.history(9).len(), journal.cases().count()), (1, 0, 2));
    }

    #[test]
    fn what_is_no_event_or_belongs_to_no_case_is_kept_with_the_reason() {
        let mut broken = at(0, 0, &envelope("a", "7", "Lifted"));
        broken.headers.clear();
        let mut strayed = at(0, 2, &envelope("c", "7", "Lifted"));
        strayed.key = Some(b"8".to_vec());
        let journal = journal(vec![broken, at(0, 1, &envelope("b", "x", "Lifted")), strayed]);
        let reasons: Vec<(Option<i64>, &str)> =
            journal.unreadable().iter().map(|u| (u.case, u.reason.as_str())).collect();
        let expected = [
            (Some(7), "header ce_specversion is missing or not UTF-8"),
            (None, "its subject is \"x\", no number"),
            (Some(8), "its subject is \"7\", but its key is \"8\""),
        ];
        assert_eq!(reasons, expected);
    }
}
