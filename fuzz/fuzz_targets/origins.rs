//! See `hostile::origins`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::origins(bytes));
