//! Messages of STUN.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_smoke::bytes::checks(bytes));
