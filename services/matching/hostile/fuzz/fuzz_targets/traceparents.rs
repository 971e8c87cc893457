//! See `hostile_inputs::traceparents`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::traceparents(bytes));
