//! See `hostile::forwarded_headers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::forwarded_headers(bytes));
