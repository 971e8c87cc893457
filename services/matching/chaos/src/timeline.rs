//! What went wrong when, and when the gateway could not be asked.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use testkit::GATEWAY;
use tokio::time::Instant;

/// What happened to the gateway shows so long after it is over: it has to start, and connections to find out.
const AFTERMATH: Duration = Duration::from_secs(3);

/// A line of the timeline.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it began.
    pub from: Duration,
    /// When it was undone; until then it goes on.
    pub to: Option<Duration>,
    /// What it was.
    pub what: String,
    /// On whom.
    pub on: String,
    /// Whether it was done on purpose.
    pub on_purpose: bool,
}

/// What happened to the fleet, since the beginning of the load.
#[derive(Debug)]
pub struct Timeline {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Timeline {
    /// Nothing has happened yet.
    pub fn begin() -> Self {
        Self { began: Instant::now(), entries: Mutex::default() }
    }

    /// How long it has been going on.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Something begins. The answer is what [`Timeline::undone`] needs.
    pub fn begins(&self, what: &str, on: &str) -> usize {
        self.add(what.to_owned(), on, true)
    }

    /// A process has ended though nobody did anything to it, or not as it should.
    pub fn by_itself(&self, what: String, on: &str) {
        let index = self.add(what, on, false);
        self.undone(index);
    }

    fn add(&self, what: String, on: &str, on_purpose: bool) -> usize {
        let entry = Entry { from: self.now(), to: None, what, on: on.to_owned(), on_purpose };
        let mut entries = self.entries();
        entries.push(entry);
        entries.len() - 1
    }

    /// It is over.
    pub fn undone(&self, index: usize) {
        let now = self.now();
        if let Some(entry) = self.entries().get_mut(index) {
            entry.to = Some(now);
        }
    }

    /// All lines, in the order of their beginnings.
    pub fn all(&self) -> Vec<Entry> {
        self.entries().clone()
    }

    /// Whether anything was wrong with the gateway between these moments: then it may give no answer.
    pub fn gateway_was_away(&self, from: Duration, to: Duration) -> bool {
        let entries = self.entries();
        let mut gateway = entries.iter().filter(|entry| entry.on == GATEWAY);
        gateway.any(|entry| entry.from <= to && entry.to.is_none_or(|over| from <= over + AFTERMATH))
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_while_something_is_wrong_with_the_gateway_may_it_be_silent() {
        let (timeline, second) = (Timeline::begin(), Duration::from_secs);
        timeline.begins("SIGSTOP", "match");
        assert!(!timeline.gateway_was_away(second(0), second(100)));
        advance(second(10)).await;
        let fault = timeline.begins("SIGSTOP", GATEWAY);
        assert!(timeline.gateway_was_away(second(8), second(11)) && !timeline.gateway_was_away(second(8), second(9)));
        advance(second(10)).await;
        assert!(timeline.gateway_was_away(second(19), second(25)));
        timeline.undone(fault);
        assert!(timeline.gateway_was_away(second(19), second(25)));
        assert!(!timeline.gateway_was_away(second(24), second(25)));
    }
}
