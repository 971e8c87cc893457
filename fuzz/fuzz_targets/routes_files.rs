//! See `hostile::routes_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::routes_files(bytes));
