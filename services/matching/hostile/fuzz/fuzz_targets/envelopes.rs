//! See `hostile_inputs::envelopes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::envelopes(bytes));
