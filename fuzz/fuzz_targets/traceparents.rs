//! See `hostile::traceparents`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::traceparents(bytes));
