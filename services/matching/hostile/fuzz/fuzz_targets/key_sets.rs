//! See `hostile_inputs::key_sets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::key_sets(bytes));
