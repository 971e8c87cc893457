//! See `hostile::dead_letters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::dead_letters(bytes));
