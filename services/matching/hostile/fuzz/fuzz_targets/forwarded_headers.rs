//! See `hostile_inputs::forwarded_headers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::forwarded_headers(bytes));
