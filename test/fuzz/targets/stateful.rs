//! Shards with registered users and live calls, and whatever the octets say happens to them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    fuzz_smoke::stateful::story(octets);
});
