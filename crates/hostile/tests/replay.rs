//! Every kept input is given to its reader once more: a fault that was found stays found.

use std::path::Path;

use hostile::{CORPUS, READERS, assert_fuzz_targets, replay};

#[test]
fn no_kept_input_makes_a_reader_panic() {
    let broken = replay(Path::new(CORPUS), &READERS);
    assert!(broken.is_empty(), "the violations are above: {broken:#?}");
}

#[test]
fn every_reader_has_a_fuzz_target_and_inputs_and_there_are_no_others() {
    assert_fuzz_targets(None, Path::new(CORPUS), &READERS);
}
