//! `flotilla events`: shows the events of a fleet as they are said.

use std::io;
use std::time::Duration;

use clap::Args;
use events::EnvelopeError;
use messaging::admin::{From, KafkaError, Reader};
use messaging::{Place, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::event::Event;
use crate::running::{RunningArgs, RunningError};
use crate::screen::Screen;
use crate::stop::Stop;

/// How long one look for new events takes, and so how long an end can go unnoticed.
const POLL: Duration = Duration::from_millis(100);
/// History of more events than this is sorted in parts, to bound the memory it takes.
const SORTED_AT_ONCE: usize = 100_000;
/// Events that are read ahead of whoever reads what is shown.
const AHEAD: usize = 1_000;

/// What `flotilla events` can be told.
#[derive(Debug, Clone, Args)]
pub struct TailArgs {
    /// The fleet.
    #[command(flatten)]
    pub running: RunningArgs,
    /// Only events about this id, which is their subject
    #[arg(long)]
    pub id: Option<String>,
    /// Only events of this context; may be repeated
    #[arg(long)]
    pub context: Vec<String>,
    /// All that was ever said first, sorted by time
    #[arg(long)]
    pub from_beginning: bool,
    /// No waiting for what is said from now on
    #[arg(long, requires = "from_beginning")]
    pub no_follow: bool,
    /// A JSON object per event, as CloudEvents structures it
    #[arg(long)]
    pub json: bool,
}

/// Why events cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// It is not known how to reach the fleet.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// The broker does not give them.
    #[error("the broker at {brokers}: {source}")]
    Broker {
        /// Which.
        brokers: String,
        /// What it says.
        source: KafkaError,
    },
}

/// What was read.
enum Found {
    Event(Event),
    /// A record that is none.
    Other(Place, EnvelopeError),
}

/// What to read, and what of it.
struct Reading {
    broker: messaging::Config,
    topics: Vec<String>,
    id: Option<String>,
    from: From,
    follow: bool,
}

/// Shows events until the stop is asked for, or nobody reads them any more.
pub async fn tail(args: &TailArgs, screen: &Screen, errors: &Screen, stop: &Stop) -> Result<(), TailError> {
    let running = args.running.find()?;
    let contexts = running.contexts(&args.context)?;
    let reading = Reading {
        broker: running.broker.clone(),
        topics: contexts.iter().map(|context| running.broker.topic(context)).collect(),
        id: args.id.clone(),
        from: if args.from_beginning { From::Beginning } else { From::End },
        follow: !args.no_follow,
    };
    let (tell, mut told) = mpsc::channel(AHEAD);
    let reader = tokio::task::spawn_blocking(move || reading.run(&tell));
    let mut look = interval(POLL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let found = tokio::select! {
            biased;
            () = stop.asked.cancelled() => return Ok(()),
            found = told.recv() => found,
            _ = look.tick() => if unread() { return Ok(()) } else { continue },
        };
        let Some(found) = found else { break };
        if show(found, args.json, screen, errors).is_err() {
            return Ok(());
        }
    }
    let ended = reader.await.unwrap_or(Err(KafkaError::Canceled));
    ended.map_err(|source| TailError::Broker { brokers: running.plan.brokers, source })
}

fn show(found: Found, json: bool, screen: &Screen, errors: &Screen) -> io::Result<()> {
    match found {
        Found::Event(event) if json => screen.try_line(event.json()?),
        Found::Event(event) => screen.try_line(event.text()),
        Found::Other(place, error) => {
            errors.line(format_args!("flotilla: {place} is no event: {error}"));
            Ok(())
        }
    }
}

impl Reading {
    /// Reads until nobody listens. Blocks.
    fn run(&self, tell: &mpsc::Sender<Found>) -> Result<(), KafkaError> {
        let mut reader = Reader::new(&self.broker, &self.topics, self.from)?;
        self.history(&mut reader, tell)?;
        while self.follow && !tell.is_closed() {
            if let Some(found) = self.next(&mut reader)? {
                let _nobody_listens = tell.blocking_send(found);
            }
        }
        Ok(())
    }

    /// What is there already. Partitions are read one after the other, so it is sorted.
    fn history(&self, reader: &mut Reader, tell: &mpsc::Sender<Found>) -> Result<(), KafkaError> {
        let mut events = Vec::new();
        while !reader.caught_up() && !tell.is_closed() {
            match self.next(reader)? {
                Some(Found::Event(event)) => events.push(event),
                Some(other) => drop(tell.blocking_send(other)),
                None => {}
            }
            if events.len() >= SORTED_AT_ONCE {
                send(&mut events, tell);
            }
        }
        send(&mut events, tell);
        Ok(())
    }

    fn next(&self, reader: &mut Reader) -> Result<Option<Found>, KafkaError> {
        let record = reader.next(POLL)?.filter(|record| self.concerns(record));
        Ok(record.map(|record| match Event::read(&self.broker.fleet, &record) {
            Ok(event) => Found::Event(event),
            Err(error) => Found::Other(record.place, error),
        }))
    }

    /// Whether someone asked for it: the subject is the key of the record too.
    fn concerns(&self, record: &Record) -> bool {
        self.id.as_ref().is_none_or(|id| {
            let subject = record.header("ce_subject").unwrap_or(&record.key);
            subject == id.as_bytes()
        })
    }
}

fn send(events: &mut Vec<Event>, tell: &mpsc::Sender<Found>) {
    events.sort_by_key(Event::time);
    for event in events.drain(..) {
        if tell.blocking_send(Found::Event(event)).is_err() {
            return;
        }
    }
}

/// Whether nobody reads stdout any more, as behind `| head` once that has its lines.
fn unread() -> bool {
    let stdout = io::stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::empty())];
    let polled = poll(&mut stdout, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
    polled.is_ok() && stdout[0].revents().contains(PollFlags::ERR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(key: &str, subject: Option<&str>) -> Record {
        Record {
            place: Place { topic: "harbour.crane".to_owned(), partition: 0, offset: 0 },
            key: key.as_bytes().to_vec(),
            headers: subject.map(|subject| ("ce_subject".to_owned(), subject.into())).into_iter().collect(),
            payload: Vec::new(),
        }
    }

    #[test]
    fn an_id_is_the_subject_of_an_event_or_the_key_of_what_is_none() {
        let reading = |id: Option<&str>| Reading {
            broker: messaging::admin::config("k:9092", &messaging::Security::default(), "harbour").unwrap(),
            topics: Vec::new(),
            id: id.map(str::to_owned),
            from: From::End,
            follow: true,
        };
        assert!(reading(None).concerns(&about("1", None)));
        assert!(reading(Some("1")).concerns(&about("1", Some("1"))));
        assert!(reading(Some("1")).concerns(&about("1", None)));
        assert!(!reading(Some("1")).concerns(&about("1", Some("2"))));
        assert!(!reading(Some("1")).concerns(&about("11", None)));
    }
}
