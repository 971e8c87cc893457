//! The laws hold in many runs, a seed repeats its run, and mutants are found.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fmt::Write as _;
use std::num::NonZero;
use std::thread::available_parallelism;

use matching_simulation::SCENARIO;
use simulation::{Failure, Mutant, run, search};

/// More threads than cores: each run often waits for the threads of SQLite.
fn threads() -> usize {
    2 * available_parallelism().map_or(1, NonZero::get)
}

/// The report, and the trace of the first case that violates a law.
fn describe(failure: &Failure) -> String {
    let mut text = format!("seed {}\n{}\n", failure.seed, failure.outcome.report);
    if let Some((law, case, what)) = failure.outcome.first_violation() {
        writeln!(text, "case {case}: {law}: {what}").unwrap();
        failure.outcome.trace_of(case).for_each(|line| writeln!(text, "{line}").unwrap());
    }
    text
}

#[test]
fn five_hundred_seeds_break_no_law() {
    let failure = search(&SCENARIO, 0..500, None, threads(), |_, _| {}).unwrap();
    assert!(failure.is_none(), "{}", describe(&failure.unwrap()));
}

#[test]
fn a_seed_repeats_a_run_exactly() {
    for seed in 0..10 {
        let (one, other) = (run(&SCENARIO, seed, None).unwrap(), run(&SCENARIO, seed, None).unwrap());
        assert!(one.trace.len() > 50, "seed {seed} has only {} lines", one.trace.len());
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
    assert_ne!(run(&SCENARIO, 1, None).unwrap().trace, run(&SCENARIO, 2, None).unwrap().trace);
}

/// All mutants but one, which takes hundreds of seeds: see docs/reliability.md.
#[test]
fn a_rule_that_is_broken_is_found_out() {
    for mutant in SCENARIO.mutants.iter().filter(|mutant| **mutant != Mutant::RELAY_WITHOUT_LEADER) {
        let failure = search(&SCENARIO, 0..100, Some(*mutant), threads(), |_, _| {}).unwrap();
        assert!(failure.is_some(), "{mutant}");
    }
}
