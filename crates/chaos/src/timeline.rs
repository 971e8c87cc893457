use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use testkit::GATEWAY;
use tokio::time::Instant;

/// A fault of the gateway has an effect so long after it is reverted: the gateway has to start, and clients to reconnect.
const RECOVERY: Duration = Duration::from_secs(3);

/// A line of the timeline.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When it began.
    pub from: Duration,
    /// When it was reverted; `None` while it is active.
    pub to: Option<Duration>,
    /// The kind of fault.
    pub kind: String,
    /// The process, context or server.
    pub target: String,
    /// Whether it was injected.
    pub injected: bool,
}

/// The faults of a run, since the beginning of the load.
#[derive(Debug)]
pub struct Timeline {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Timeline {
    /// Begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), entries: Mutex::default() }
    }

    /// The time since its beginning.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A fault is injected. The result is the argument of [`Timeline::reverted`].
    pub fn injected(&self, kind: &str, target: &str) -> usize {
        self.add(kind.to_owned(), target, true)
    }

    /// A process has ended without a fault, or with an error.
    pub fn unexpected(&self, kind: String, target: &str) {
        let index = self.add(kind, target, false);
        self.reverted(index);
    }

    fn add(&self, kind: String, target: &str, injected: bool) -> usize {
        let entry = Entry { from: self.now(), to: None, kind, target: target.to_owned(), injected };
        let mut entries = self.entries();
        entries.push(entry);
        entries.len() - 1
    }

    /// A fault is reverted.
    pub fn reverted(&self, index: usize) {
        let now = self.now();
        if let Some(entry) = self.entries().get_mut(index) {
            entry.to = Some(now);
        }
    }

    /// All lines, in the order of their beginnings.
    pub fn all(&self) -> Vec<Entry> {
        self.entries().clone()
    }

    /// Whether the gateway had a fault between these times: then it may give no response.
    pub fn gateway_was_unavailable(&self, from: Duration, to: Duration) -> bool {
        let entries = self.entries();
        let mut gateway = entries.iter().filter(|entry| entry.target == GATEWAY);
        gateway.any(|entry| entry.from <= to && entry.to.is_none_or(|over| from <= over + RECOVERY))
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
    async fn a_missing_response_is_excused_only_during_a_fault_of_the_gateway() {
        let (timeline, second) = (Timeline::begin(), Duration::from_secs);
        timeline.injected("SIGSTOP", "crane");
        assert!(!timeline.gateway_was_unavailable(second(0), second(100)));
        advance(second(10)).await;
        let fault = timeline.injected("SIGSTOP", GATEWAY);
        assert!(
            timeline.gateway_was_unavailable(second(8), second(11))
                && !timeline.gateway_was_unavailable(second(8), second(9))
        );
        advance(second(10)).await;
        assert!(timeline.gateway_was_unavailable(second(19), second(25)));
        timeline.reverted(fault);
        assert!(timeline.gateway_was_unavailable(second(19), second(25)));
        assert!(!timeline.gateway_was_unavailable(second(24), second(25)));
    }
}
