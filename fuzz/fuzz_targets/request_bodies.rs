//! See `hostile::request_bodies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::request_bodies(bytes));
