//! See `hostile_inputs::authorities`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::authorities(bytes));
