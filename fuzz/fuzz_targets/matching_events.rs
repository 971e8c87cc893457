//! See `matching_tests::hostile::context_events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| matching_tests::hostile::context_events(bytes));
