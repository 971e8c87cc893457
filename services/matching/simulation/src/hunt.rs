use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Result, anyhow};

use crate::run::{Broken, Outcome, run};

/// A run in which a law does not hold.
#[derive(Debug)]
pub struct Found {
    /// It repeats the run.
    pub seed: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// Runs these seeds, several at a time, until one is found in which a law does not hold.
///
/// `each` is told what came of each. Of several seeds that are found at the same time it is the lowest.
///
/// # Errors
///
/// When the machine does not allow a run, or one panics.
pub fn hunt(
    seeds: std::ops::Range<u64>,
    broken: Option<Broken>,
    threads: usize,
    each: impl Fn(u64, &Outcome) + Sync,
) -> Result<Option<Found>> {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let found: Mutex<Option<Found>> = Mutex::new(None);
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return Ok(());
            }
            let outcome = run(seed, broken)?;
            each(seed, &outcome);
            if outcome.first_violation().is_some() {
                end.fetch_min(seed, Ordering::Relaxed);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                if found.as_ref().is_none_or(|known| seed < known.seed) {
                    *found = Some(Found { seed, outcome });
                }
            }
        }
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a run panicked"))?)
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}
