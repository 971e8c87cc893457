//! How many matches are asked for, and when.

use std::time::Duration;

/// A steady number of established matches per second. What an outage has held up is caught up on.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Established per second, on average.
    pub rate: u32,
}

impl Pace {
    /// Clients who wait for an answer at the same time, at most: below what the gateway lets through.
    const UNDER_WAY: u64 = 300;

    /// How many to ask for now, `elapsed` after the beginning, when so many are established and so many asked for and not
    /// answered. `since` the last time it asks for twice the rate at most.
    pub fn due(self, elapsed: Duration, since: Duration, established: u64, under_way: u64) -> u64 {
        let owed = whole(elapsed.as_secs_f64() * f64::from(self.rate)).saturating_sub(established + under_way);
        let most = whole((since.as_secs_f64() * 2.0 * f64::from(self.rate)).ceil());
        owed.min(most).min(Self::UNDER_WAY.saturating_sub(under_way))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, far below 2^53")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(50);

    #[test]
    fn the_rate_is_kept_and_what_is_missing_is_caught_up_on_at_twice_the_rate() {
        let pace = Pace { rate: 60 };
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 597, 0), 3);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 590, 7), 3);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 600, 0), 0);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 700, 0), 0);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 100, 0), 6);
    }

    #[test]
    fn nobody_is_sent_to_wait_where_too_many_wait_already() {
        let pace = Pace { rate: 1000 };
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 0, 290), 10);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 0, 400), 0);
    }
}
