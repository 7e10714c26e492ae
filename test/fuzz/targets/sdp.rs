//! Reading a description; a rewritten one reads again.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| fuzz_smoke::bytes::describing(body));
