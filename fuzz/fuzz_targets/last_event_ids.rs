//! See `hostile::last_event_ids`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::last_event_ids(bytes));
