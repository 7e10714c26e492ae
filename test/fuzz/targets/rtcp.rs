//! Compounds of RTCP.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_smoke::bytes::reports(bytes));
