//! The kept inputs for the readers of this fleet.

use cleanmall_tests::hostile::{READERS, context_events};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");

#[test]
fn no_kept_input_makes_a_reader_panic() {
    hostile::assert_no_panic(&[(CORPUS, &READERS), (hostile::CORPUS, &[("envelopes", context_events)])]);
}

#[test]
fn every_reader_has_a_fuzz_target_and_inputs_and_there_are_no_others() {
    hostile::assert_fuzz_targets(Some("cleanmall"), CORPUS, &READERS);
}
