//! See `hostile::request_paths`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::request_paths(bytes));
