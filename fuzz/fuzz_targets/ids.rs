//! See `hostile::ids`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::ids(bytes));
