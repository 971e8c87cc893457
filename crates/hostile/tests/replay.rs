//! Every kept input is given to its reader once more: a fault that was found stays found.

use hostile::{CORPUS, READERS, assert_fuzz_targets, assert_no_panic};

#[test]
fn no_kept_input_makes_a_reader_panic() {
    assert_no_panic(&[(CORPUS, &READERS)]);
}

#[test]
fn every_reader_has_a_fuzz_target_and_inputs_and_there_are_no_others() {
    assert_fuzz_targets(None, CORPUS, &READERS);
}
