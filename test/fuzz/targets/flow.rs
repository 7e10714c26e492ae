//! Call flows as documents.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz_smoke::flow::story(octets));
