use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::run::{Outcome, run};
use crate::scenario::Scenario;
use crate::{Mutant, Mutation};
use anyhow::{Result, anyhow, ensure};

/// A run that violates a law.
#[derive(Debug)]
pub struct Failure {
    /// Repeats the run.
    pub seed: u64,
    /// Its outcome.
    pub outcome: Outcome,
}

/// Runs these seeds on several threads until a run violates a law. Calls `each` with every outcome.
///
/// Returns the lowest of the seeds that fail at the same time.
///
/// # Errors
///
/// If the machine does not allow a run, or a run panics. Also if no run executed the statement that the mutant changes, or that
/// the oracles count: then nothing could have been found.
pub fn search<E: 'static>(
    scenario: &'static Scenario<E>,
    seeds: std::ops::Range<u64>,
    mutant: Option<Mutant>,
    threads: usize,
    each: impl Fn(u64, &Outcome) + Sync,
) -> Result<Option<Failure>> {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let required = Mutation::required_tag(mutant.and_then(Mutant::mutation));
    let executed = AtomicBool::new(seeds.is_empty());
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return Ok(());
            }
            let outcome = run(scenario, seed, mutant)?;
            each(seed, &outcome);
            executed.fetch_or(outcome.tags.contains(required), Ordering::Relaxed);
            if outcome.first_violation().is_some() {
                end.fetch_min(seed, Ordering::Relaxed);
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                if failure.as_ref().is_none_or(|known| seed < known.seed) {
                    *failure = Some(Failure { seed, outcome });
                }
            }
        }
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a run panicked"))?)
    })?;
    ensure!(executed.into_inner(), "no run executed a statement with the tag \"{required}\"");
    Ok(failure.into_inner().unwrap_or_else(PoisonError::into_inner))
}
