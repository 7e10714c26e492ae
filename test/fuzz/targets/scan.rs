//! Scanning and framing; both agree with a full parse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip_msg::{Framed, Message, frame, scan};

fuzz_target!(|bytes: &[u8]| {
    if let Framed::Message { len } = frame::next(bytes, 65_536) {
        assert!(len <= bytes.len());
    }
    let scanned = scan(bytes);
    if let Ok(message) = Message::parse(bytes)
        && message.defect().is_none()
    {
        let scanned = scanned.expect("what parses scans");
        assert_eq!(scanned.request, message.is_request().then(|| message.method()));
        assert_eq!(scanned.call_id, message.call_id());
        assert_eq!(scanned.branch, message.via().and_then(|via| via.branch()).unwrap_or_default());
    }
});
