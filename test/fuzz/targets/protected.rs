//! Packets of SRTP and SRTCP, sealed and bent.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    fuzz_smoke::protected::story(octets);
});
