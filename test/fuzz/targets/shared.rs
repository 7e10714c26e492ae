//! The shared port of a media worker: checks and handshakes, whole and bent.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    fuzz_smoke::shared::story(octets);
});
