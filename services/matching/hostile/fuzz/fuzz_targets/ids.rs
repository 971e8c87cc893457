//! See `hostile_inputs::ids`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::ids(bytes));
