//! See `hostile_inputs::routes_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::routes_files(bytes));
