//! See `hostile::key_sets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::key_sets(bytes));
