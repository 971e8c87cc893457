//! The kept inputs for the readers of this fleet.

use std::path::{Path, PathBuf};

use matching_tests::hostile::{READERS, context_events};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

#[test]
fn no_kept_input_makes_a_reader_panic() {
    let envelopes = hostile::replay(Path::new(hostile::CORPUS), &[("envelopes", context_events)]);
    let broken = [hostile::replay(&corpus(), &READERS), envelopes].concat();
    assert!(broken.is_empty(), "the violations are above: {broken:#?}");
}

#[test]
fn every_reader_has_a_fuzz_target_and_inputs_and_there_are_no_others() {
    hostile::assert_fuzz_targets(Some("matching"), &corpus(), &READERS);
}
