//! See `cleanmall_tests::hostile::context_events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cleanmall_tests::hostile::context_events(bytes));
