//! Scanning and framing; both agree with a full parse.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_smoke::bytes::scanning(bytes));
