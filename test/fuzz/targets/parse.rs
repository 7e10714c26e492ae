//! Every reader of a message and its header fields; what is written reads back.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_smoke::bytes::parsing(bytes));
