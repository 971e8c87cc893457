use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Clock;

/// The bits of an integer that every JSON parser represents exactly.
const EXACT_BITS: u32 = 53;

/// Generates ids and random values from a clock and a seed.
///
/// Deterministic: the same clock and seed give the same ids.
#[derive(Debug)]
pub struct Ids {
    clock: Arc<dyn Clock>,
    random: Mutex<fastrand::Rng>,
    /// Whether [`number`](Self::number) is derived from the seed, and so predictable.
    predictable: bool,
}

impl Ids {
    /// A generator with a random seed.
    #[expect(clippy::disallowed_methods, reason = "the only use of system randomness")]
    pub fn from_entropy(clock: Arc<dyn Clock>) -> Self {
        Self { predictable: false, ..Self::seeded(clock, fastrand::u64(..)) }
    }

    /// A deterministic generator, for tests and simulations.
    pub fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self { clock, random: Mutex::new(fastrand::Rng::with_seed(seed)), predictable: true }
    }

    /// A UUID version 7: new ids sort after old ones, which is good for index locality.
    pub fn uuid(&self) -> uuid::Uuid {
        let millis = u64::try_from(self.clock.now().as_micros() / 1000).unwrap_or(0);
        let mut random = [0; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// A uniformly distributed number from 1 to 2^53 − 1 (exact in JSON). Unpredictable, unless the generator is
    /// seeded.
    ///
    /// Collisions are unlikely, but possible: on a unique key violation, callers must draw again.
    pub fn number(&self) -> i64 {
        let bits = if self.predictable { self.random(|random| random.u64(..)) } else { unpredictable() };
        (bits >> (u64::BITS - EXACT_BITS)).max(1).cast_signed()
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.random(|random| random.fill(bytes));
    }

    /// True with the given probability, from 0.0 (never) to 1.0 (always).
    pub fn chance(&self, probability: f64) -> bool {
        self.random(fastrand::Rng::f64) < probability
    }

    /// A uniformly distributed duration in `between`; the lower bound if the range is empty.
    pub fn span(&self, between: Range<Duration>) -> Duration {
        let width = between.end.saturating_sub(between.start);
        between.start + width.mul_f64(self.random(fastrand::Rng::f64))
    }

    fn random<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// From the system's cryptographic random source; if that fails, a hash with the random keys of the standard library.
fn unpredictable() -> u64 {
    let drawn = getrandom::u64();
    drawn.unwrap_or_else(|error| RandomState::new().hash_one(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
    fn numbers_are_positive_exact_in_json_and_use_that_whole_range() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        for ids in [ids(1), Ids::from_entropy(clock)] {
            let numbers: BTreeSet<i64> = (0..10_000).map(|_| ids.number()).collect();
            assert_eq!(numbers.len(), 10_000, "10,000 of 2^53 do not meet");
            assert!(numbers.iter().all(|number| (1..1 << 53).contains(number)));
            // Each of 64 equal parts of the range has some.
            assert_eq!(numbers.iter().map(|number| number >> 47).collect::<BTreeSet<_>>().len(), 64);
        }
    }

    #[test]
    fn a_number_tells_nothing_about_the_next_one_not_even_whether_it_is_greater() {
        let ids = Ids::from_entropy(Arc::new(ManualClock::at(Timestamp::from_micros(1_795_246_200_000_000))));
        let numbers: Vec<i64> = (0..10_000).map(|_| ids.number()).collect();
        let greater = numbers.windows(2).filter(|two| two[1] > two[0]).count();
        assert!((4_500..5_500).contains(&greater), "{greater} of 9,999");
        // A generator with the same clock draws other numbers.
        let other = Ids::from_entropy(Arc::new(ManualClock::at(Timestamp::from_micros(1_795_246_200_000_000))));
        assert!((0..100).all(|_| !numbers.contains(&other.number())));
    }

    #[test]
    fn a_span_stays_within_its_bounds() {
        let ids = ids(3);
        let (low, high) = (Duration::from_millis(400), Duration::from_millis(700));
        assert!((0..1000).all(|_| (low..=high).contains(&ids.span(low..high))));
        assert_eq!(ids.span(low..low), low);
    }
}
