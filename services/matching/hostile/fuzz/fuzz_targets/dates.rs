//! See `hostile_inputs::dates`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::dates(bytes));
