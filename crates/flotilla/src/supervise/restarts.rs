//! The pause before a process is restarted.

use std::time::Duration;

/// Exponential backoff of one process.
#[derive(Debug, Clone)]
pub struct RestartBackoff {
    count: u32,
    pause: Duration,
}

impl RestartBackoff {
    /// The first pause; it doubles with each further exit.
    pub const INITIAL: Duration = Duration::from_millis(100);
    /// The longest pause.
    pub const MAX: Duration = Duration::from_secs(5);
    /// A process that ran at least this long starts over with the first pause.
    pub const HEALTHY: Duration = Duration::from_secs(30);

    /// A backoff without restarts.
    pub const fn new() -> Self {
        Self { count: 0, pause: Self::INITIAL }
    }

    /// The pause after an exit of the process, which ran for `uptime`.
    pub fn next_pause(&mut self, uptime: Duration) -> Duration {
        if uptime >= Self::HEALTHY {
            self.pause = Self::INITIAL;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(Self::MAX);
        self.count += 1;
        pause
    }

    /// The number of restarts.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Default for RestartBackoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = RestartBackoff::new();
        let pauses: Vec<_> = (0..8).map(|_| backoff.next_pause(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.count(), 8);
    }

    #[test]
    fn a_process_that_was_healthy_starts_over_with_the_first_pause() {
        let mut backoff = RestartBackoff::new();
        backoff.next_pause(Duration::ZERO);
        assert_eq!(backoff.next_pause(Duration::from_millis(29_999)), Duration::from_millis(200));
        assert_eq!(backoff.next_pause(Duration::from_secs(30)), Duration::from_millis(100));
        assert_eq!(backoff.count(), 3);
    }
}
