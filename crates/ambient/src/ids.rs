use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Clock;

/// 2020-01-01T00:00:00Z in milliseconds: numbers count from here, so that they stay within JSON's exact range.
const NUMBER_EPOCH_MS: i64 = 1_577_836_800_000;

/// Twelve bits below the millisecond: 4,096 numbers per millisecond and process before they run ahead of the clock.
const NUMBERS_PER_MS: i64 = 1 << 12;

/// Makes ids and random choices from a clock and a seed.
///
/// The same clock and the same seed give the same ids.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    last_number: i64,
}

impl Ids {
    /// Ids that differ from those of every other process.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine for randomness")]
    pub fn from_entropy(clock: Arc<dyn Clock>) -> Self {
        Self::seeded(clock, fastrand::u64(..))
    }

    /// Ids that a test or a simulation can repeat.
    pub fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Self {
        let state = State { random: fastrand::Rng::with_seed(seed), last_number: 0 };
        Self { clock, state: Mutex::new(state) }
    }

    /// A UUID, version 7: new event ids sort after old ones, which keeps index pages warm.
    pub fn uuid(&self) -> uuid::Uuid {
        let millis = u64::try_from(self.clock.now().as_micros() / 1000).unwrap_or(0);
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A positive number below 2^53 (JSON's exact range) that grows with time and never repeats within the process.
    ///
    /// Another process may draw the same number in the same millisecond (once in 4,096 such pairs): whoever
    /// stores it must notice a number that is taken and draw again.
    pub fn number(&self) -> i64 {
        let since_epoch = self.clock.now().as_micros() / 1000 - NUMBER_EPOCH_MS;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = since_epoch.max(0) * NUMBERS_PER_MS + state.random.i64(0..NUMBERS_PER_MS);
        state.last_number = fresh.max(state.last_number + 1);
        state.last_number
    }

    /// Fills `bytes` with random ones.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random(|random| random.fill(bytes));
    }

    /// True with the given probability, from 0.0 (never) to 1.0 (always).
    pub fn chance(&self, probability: f64) -> bool {
        self.random(fastrand::Rng::f64) < probability
    }

    /// A span between the two bounds, evenly spread; the lower bound when the range is empty.
    pub fn span(&self, between: Range<Duration>) -> Duration {
        let width = between.end.saturating_sub(between.start);
        between.start + width.mul_f64(self.random(fastrand::Rng::f64))
    }

    fn random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        draw(&mut state.random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, Timestamp};

    fn ids(seed: u64) -> Ids {
        Ids::seeded(Arc::new(ManualClock::at(Timestamp::from_micros(1_795_246_200_000_000))), seed)
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (one, other) = (ids(7), ids(7));
        assert_eq!(one.uuid(), other.uuid());
        assert_eq!(one.number(), other.number());
        assert_ne!(ids(7).uuid(), ids(8).uuid());
    }

    #[test]
    fn numbers_grow_even_while_the_clock_stands_still_and_stay_exact_in_json() {
        let ids = ids(1);
        let numbers: Vec<i64> = (0..10_000).map(|_| ids.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(numbers.iter().all(|number| (1..1 << 53).contains(number)));
    }

    #[test]
    fn a_span_stays_within_its_bounds() {
        let ids = ids(3);
        let (low, high) = (Duration::from_millis(400), Duration::from_millis(700));
        assert!((0..1000).all(|_| (low..=high).contains(&ids.span(low..high))));
        assert_eq!(ids.span(low..low), low);
    }
}
