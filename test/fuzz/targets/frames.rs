//! Frames of WebSocket.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz_smoke::frames::story(octets));
