//! How long to wait before a process is started again.

use std::time::Duration;

/// The pauses of one process: short at first, longer while it keeps ending.
#[derive(Debug, Clone)]
pub struct Restarts {
    count: u32,
    pause: Duration,
}

impl Restarts {
    /// The first pause; it doubles with each end that follows.
    pub const FIRST: Duration = Duration::from_millis(100);
    /// The longest pause.
    pub const LONGEST: Duration = Duration::from_secs(5);
    /// Whoever ran as long as this begins with the first pause again.
    pub const HEALTHY: Duration = Duration::from_secs(30);

    /// Nothing has ended yet.
    pub const fn new() -> Self {
        Self { count: 0, pause: Self::FIRST }
    }

    /// The pause after a process has ended that ran as long as `ran`.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran >= Self::HEALTHY {
            self.pause = Self::FIRST;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(Self::LONGEST);
        self.count += 1;
        pause
    }

    /// How often it has been started again.
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Default for Restarts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut restarts = Restarts::new();
        let pauses: Vec<_> = (0..8).map(|_| restarts.after(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(restarts.count(), 8);
    }

    #[test]
    fn whoever_was_healthy_begins_again_with_the_first_pause() {
        let mut restarts = Restarts::new();
        restarts.after(Duration::ZERO);
        assert_eq!(restarts.after(Duration::from_millis(29_999)), Duration::from_millis(200));
        assert_eq!(restarts.after(Duration::from_secs(30)), Duration::from_millis(100));
        assert_eq!(restarts.count(), 3);
    }
}
