//! See `hostile_inputs::origins`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::origins(bytes));
