//! See `foodcourt_tests::hostile::context_events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| foodcourt_tests::hostile::context_events(bytes));
