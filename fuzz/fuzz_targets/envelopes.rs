//! See `hostile::envelopes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::envelopes(bytes));
