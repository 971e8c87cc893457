//! See `hostile_inputs::request_paths`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::request_paths(bytes));
