use std::time::Duration;

/// A steady number of established cases per second. After an outage the missing ones are made up for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Established per second, on average.
    pub(crate) rate: u32,
}

impl Pace {
    /// The maximum of undecided cases: below the concurrency limit of the gateway.
    const MAX_UNDECIDED: u64 = 300;

    /// How many actors are due, `elapsed` after the beginning, with so many cases established and so many undecided. It
    /// is twice the rate at most, for the time `since` the last call.
    pub(crate) fn due(self, elapsed: Duration, since: Duration, established: u64, undecided: u64) -> u64 {
        let owed = whole(elapsed.as_secs_f64() * f64::from(self.rate)).saturating_sub(established + undecided);
        let most = whole((since.as_secs_f64() * 2.0 * f64::from(self.rate)).ceil());
        owed.min(most).min(Self::MAX_UNDECIDED.saturating_sub(undecided))
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
    fn the_rate_is_kept_and_an_outage_is_made_up_for_at_twice_the_rate() {
        let pace = Pace { rate: 60 };
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 597, 0), 3);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 590, 7), 3);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 600, 0), 0);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 700, 0), 0);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 100, 0), 6);
    }

    #[test]
    fn no_actor_is_due_while_too_many_cases_are_undecided() {
        let pace = Pace { rate: 1000 };
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 0, 290), 10);
        assert_eq!(pace.due(Duration::from_secs(10), TICK, 0, 400), 0);
    }
}
