//! See `hostile_inputs::dead_letters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::dead_letters(bytes));
