use std::fmt::Write as _;
use std::num::NonZero;
use std::ops::Range;
use std::thread::available_parallelism;

use crate::{Failure, Mutant, Scenario, run, search};

/// Asserts that no seed breaks a law.
///
/// # Panics
///
/// With the report and the trace of the first case that violates a law.
pub fn assert_laws_hold<E: 'static>(scenario: &'static Scenario<E>, seeds: Range<u64>) {
    let failure = search(scenario, seeds, None, threads(), |_, _| {});
    let failure = failure.unwrap_or_else(|error| panic!("{error:#}"));
    assert!(failure.is_none(), "{}", failure.as_ref().map(describe).unwrap_or_default());
}

/// Asserts that a seed repeats a run exactly, and that two seeds differ.
///
/// # Panics
///
/// If they do not, or if a run has hardly any steps.
pub fn assert_repeats<E: 'static>(scenario: &'static Scenario<E>, seeds: Range<u64>) {
    let trace = |seed| run(scenario, seed, None).unwrap_or_else(|error| panic!("{error:#}")).trace;
    for seed in seeds.clone() {
        let (one, other) = (trace(seed), trace(seed));
        assert!(one.len() > 30, "seed {seed} has only {} lines", one.len());
        assert_eq!(one, other, "seed {seed}");
    }
    assert_ne!(trace(seeds.start), trace(seeds.start + 1));
}

/// Asserts that a mutant breaks a law with one of the seeds.
///
/// # Panics
///
/// If it does not.
pub fn assert_finds<E: 'static>(scenario: &'static Scenario<E>, mutant: Mutant, seeds: Range<u64>) {
    let failure = search(scenario, seeds, Some(mutant), threads(), |_, _| {});
    assert!(failure.unwrap_or_else(|error| panic!("{error:#}")).is_some(), "{mutant}");
}

/// More threads than cores: each run often waits for the threads of SQLite.
fn threads() -> usize {
    2 * available_parallelism().map_or(1, NonZero::get)
}

/// The report, and the trace of the first case that violates a law.
fn describe(failure: &Failure) -> String {
    let mut text = format!("seed {}\n{}\n", failure.seed, failure.outcome.report);
    if let Some((law, case, what)) = failure.outcome.first_violation() {
        let lines = failure.outcome.trace_of(case).map(|line| format!("{line}\n"));
        // Writing to a text does not fail.
        let _ = write!(text, "case {case}: {law}: {what}\n{}", lines.collect::<String>());
    }
    text
}
