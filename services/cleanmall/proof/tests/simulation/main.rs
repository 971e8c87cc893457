//! The laws hold in many runs, a seed repeats its run, and mutants are found.

mod oracles;
mod scenario;

use scenario::SCENARIO;
use simulation::{Mutant, assert_finds, assert_laws_hold, assert_repeats};

#[test]
fn five_hundred_seeds_break_no_law() {
    assert_laws_hold(&SCENARIO, 0..500);
}

#[test]
fn a_seed_repeats_a_run_exactly() {
    assert_repeats(&SCENARIO, 0..5);
}

/// All mutants but one, which takes hundreds of seeds: see docs/reliability.md.
#[test]
fn a_rule_that_is_broken_is_found_out() {
    for mutant in SCENARIO.mutants.iter().filter(|mutant| **mutant != Mutant::RELAY_WITHOUT_LEADER) {
        assert_finds(&SCENARIO, *mutant, 0..100);
    }
}
