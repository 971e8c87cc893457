//! See `hostile_inputs::fleet_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::fleet_files(bytes));
