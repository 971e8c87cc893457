//! What the simulation promises, and what it finds.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fmt::Write as _;
use std::num::NonZero;
use std::thread::available_parallelism;

use matching_simulation::{Broken, Found, hunt, run};

/// Runs at the same time: each often waits for SQLite's own threads.
fn threads() -> usize {
    2 * available_parallelism().map_or(1, NonZero::get)
}

/// The report, and the story of the first match of which a law does not hold.
fn told(found: &Found) -> String {
    let mut text = format!("seed {}\n{}\n", found.seed, found.outcome.report);
    if let Some((law, case, what)) = found.outcome.first_violation() {
        writeln!(text, "match {case}: {law}: {what}").unwrap();
        found.outcome.story_of(case).for_each(|line| writeln!(text, "{line}").unwrap());
    }
    text
}

#[test]
fn five_hundred_seeds_break_no_law() {
    let found = hunt(0..500, None, threads(), |_, _| {}).unwrap();
    assert!(found.is_none(), "{}", told(&found.unwrap()));
}

#[test]
fn a_seed_repeats_a_run_exactly() {
    for seed in 0..10 {
        let (one, other) = (run(seed, None).unwrap(), run(seed, None).unwrap());
        assert!(one.story.len() > 50, "seed {seed} tells only {} lines", one.story.len());
        assert_eq!(one.story, other.story, "seed {seed}");
    }
    assert_ne!(run(1, None).unwrap().story, run(2, None).unwrap().story);
}

/// Every rule but one, which takes hundreds of seeds: see docs/reliability.md.
#[test]
fn a_rule_that_is_broken_is_found_out() {
    for broken in Broken::ALL.into_iter().filter(|broken| *broken != Broken::RelayWithoutLeader) {
        let found = hunt(0..100, Some(broken), threads(), |_, _| {}).unwrap();
        assert!(found.is_some(), "{broken}");
    }
}
