//! See `hostile_inputs::cursors`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_inputs::cursors(bytes));
