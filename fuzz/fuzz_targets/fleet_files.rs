//! See `hostile::fleet_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::fleet_files(bytes));
