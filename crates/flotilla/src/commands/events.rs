//! `flotilla events`: prints the events of a fleet.

use std::io;
use std::time::Duration;

use clap::Args;
use events::EnvelopeError;
use messaging::admin::{From, KafkaError, Reader};
use messaging::{Record, RecordPosition};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::commands::fleet_client::{FleetClientArgs, FleetClientError};
use crate::output::event::Event;
use crate::output::screen::Screen;
use crate::supervise::stop::Stop;

/// Timeout of one poll for new events, and so the delay until an end is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// History is sorted in parts of at most this many events or bytes, to bound the memory.
const MAX_SORTED_EVENTS: usize = 100_000;
const MAX_SORTED_BYTES: usize = 64 * 1024 * 1024;
/// Capacity of the queue between the consumer and the output, in events.
const QUEUE_CAPACITY: usize = 1_000;

/// Arguments of `flotilla events`.
#[derive(Debug, Clone, Args)]
pub struct TailArgs {
    /// The fleet.
    #[command(flatten)]
    pub client: FleetClientArgs,
    /// Only events with this subject
    #[arg(long)]
    pub id: Option<String>,
    /// Only events of this context; repeatable
    #[arg(long)]
    pub context: Vec<String>,
    /// Print all past events first, sorted by time
    #[arg(long)]
    pub from_beginning: bool,
    /// Exit after the past events
    #[arg(long, requires = "from_beginning")]
    pub no_follow: bool,
    /// Print one JSON object per event (CloudEvents, structured mode)
    #[arg(long)]
    pub json: bool,
}

/// Why events cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The connection settings of the fleet cannot be used.
    #[error(transparent)]
    FleetClient(#[from] FleetClientError),
    /// The broker does not return the events.
    #[error("the broker at {brokers}: {source}")]
    Broker {
        /// The addresses of the brokers.
        brokers: String,
        /// The error of the broker.
        source: KafkaError,
    },
}

/// A decoded record.
enum Decoded {
    Event(Event),
    /// A record that is no event.
    Invalid(RecordPosition, EnvelopeError),
}

/// Reads topics and filters their events.
struct EventReader {
    broker: messaging::Config,
    topics: Vec<String>,
    id: Option<String>,
    from: From,
    follow: bool,
}

/// Prints events until a stop is requested or the reader of stdout is gone.
pub async fn tail(args: &TailArgs, screen: &Screen, errors: &Screen, stop: &Stop) -> Result<(), TailError> {
    let client = args.client.client()?;
    let contexts = client.contexts(&args.context)?;
    let reader = EventReader {
        broker: client.broker.clone(),
        topics: contexts.iter().map(|context| client.broker.topic(context)).collect(),
        id: args.id.clone(),
        from: if args.from_beginning { From::Beginning } else { From::End },
        follow: !args.no_follow,
    };
    let (sender, mut receiver) = mpsc::channel(QUEUE_CAPACITY);
    let reading = tokio::task::spawn_blocking(move || reader.run(&sender));
    let mut stdout_check = interval(POLL_INTERVAL);
    stdout_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let decoded = tokio::select! {
            biased;
            () = stop.graceful.cancelled() => return Ok(()),
            decoded = receiver.recv() => decoded,
            _ = stdout_check.tick() => if stdout_closed() { return Ok(()) } else { continue },
        };
        let Some(decoded) = decoded else { break };
        if print(decoded, args.json, screen, errors).is_err() {
            return Ok(());
        }
    }
    let ended = reading.await.unwrap_or(Err(KafkaError::Canceled));
    ended.map_err(|source| TailError::Broker { brokers: client.plan.brokers, source })
}

fn print(decoded: Decoded, json: bool, screen: &Screen, errors: &Screen) -> io::Result<()> {
    match decoded {
        Decoded::Event(event) if json => screen.try_line(event.json()?),
        Decoded::Event(event) => screen.try_line(event.text()),
        Decoded::Invalid(place, error) => {
            errors.line(format_args!("flotilla: {place} is no event: {error}"));
            Ok(())
        }
    }
}

impl EventReader {
    /// Reads until the receiver is dropped. Blocks.
    fn run(&self, sender: &mpsc::Sender<Decoded>) -> Result<(), KafkaError> {
        let mut reader = Reader::new(&self.broker, &self.topics, self.from)?;
        self.history(&mut reader, sender)?;
        while self.follow && !sender.is_closed() {
            if let Some(decoded) = self.next(&mut reader)? {
                let _receiver_dropped = sender.blocking_send(decoded);
            }
        }
        Ok(())
    }

    /// Sends the past events. They are sorted by time, because partitions are read one after the other.
    fn history(&self, reader: &mut Reader, sender: &mpsc::Sender<Decoded>) -> Result<(), KafkaError> {
        let (mut events, mut bytes) = (Vec::new(), 0);
        while !reader.caught_up() && !sender.is_closed() {
            match self.next(reader)? {
                Some(Decoded::Event(event)) => {
                    bytes += event.size();
                    events.push(event);
                }
                Some(other) => drop(sender.blocking_send(other)),
                None => {}
            }
            if events.len() >= MAX_SORTED_EVENTS || bytes >= MAX_SORTED_BYTES {
                send(&mut events, sender);
                bytes = 0;
            }
        }
        send(&mut events, sender);
        Ok(())
    }

    fn next(&self, reader: &mut Reader) -> Result<Option<Decoded>, KafkaError> {
        let record = reader.next(POLL_INTERVAL)?.filter(|record| self.selects(record));
        Ok(record.map(|record| match Event::read(&self.broker.fleet, &record) {
            Ok(event) => Decoded::Event(event),
            Err(error) => Decoded::Invalid(record.place, error),
        }))
    }

    /// Whether the filter selects the record. The subject of an event is also the key of its record.
    fn selects(&self, record: &Record) -> bool {
        self.id.as_ref().is_none_or(|id| {
            let subject = record.header("ce_subject").or(record.key.as_deref());
            subject == Some(id.as_bytes())
        })
    }
}

fn send(events: &mut Vec<Event>, sender: &mpsc::Sender<Decoded>) {
    events.sort_by_key(Event::time);
    for event in events.drain(..) {
        if sender.blocking_send(Decoded::Event(event)).is_err() {
            return;
        }
    }
}

/// Whether the reader of stdout is gone, such as `| head` after its last line.
fn stdout_closed() -> bool {
    let stdout = io::stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let polled = poll(&mut stdout, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.is_ok() && stdout[0].revents().contains(PollFlags::ERR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, subject: Option<&str>) -> Record {
        let place = RecordPosition { topic: "harbour.crane".to_owned(), partition: 0, offset: 0 };
        let headers = subject.map(|subject| ("ce_subject".to_owned(), Some(subject.into()))).into_iter().collect();
        Record { key: Some(key.as_bytes().to_vec()), headers, ..Record::empty(place) }
    }

    #[test]
    fn an_id_is_the_subject_of_an_event_or_the_key_of_what_is_none() {
        let reader = |id: Option<&str>| EventReader {
            broker: messaging::admin::config("k:9092", &messaging::Security::default(), "harbour").unwrap(),
            topics: Vec::new(),
            id: id.map(str::to_owned),
            from: From::End,
            follow: true,
        };
        assert!(reader(None).selects(&record("1", None)));
        assert!(reader(Some("1")).selects(&record("1", Some("1"))));
        assert!(reader(Some("1")).selects(&record("1", None)));
        assert!(!reader(Some("1")).selects(&record("1", Some("2"))));
        assert!(!reader(Some("1")).selects(&record("11", None)));
    }
}
