//! See `matching_tests::hostile::visit_dates`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| matching_tests::hostile::visit_dates(bytes));
