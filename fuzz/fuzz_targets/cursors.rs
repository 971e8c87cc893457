//! See `hostile::cursors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::cursors(bytes));
