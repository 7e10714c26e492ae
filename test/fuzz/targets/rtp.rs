//! Packets of RTP and telephone events.
#![no_main]

libfuzzer_sys::fuzz_target!(|packet: &[u8]| fuzz_smoke::bytes::packets(packet));
