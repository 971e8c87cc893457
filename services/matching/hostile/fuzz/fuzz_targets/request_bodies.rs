//! See `hostile_inputs::request_bodies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::request_bodies(bytes));
