//! Every reader of a message and its header fields; what is written reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip_msg::digest::{Algorithm, verify};
use sip_msg::{Challenge, Credentials, Message, NameAddr, ReasonValue, Uri, Via, ViaStamp, answer};

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    let defect = message.defect();
    for (name, _, value) in message.all() {
        let _ = message.values(name).count();
        read(value);
    }
    read(message.uri());
    let mut out = Vec::new();
    let stamp = ViaStamp { received: Some([192, 0, 2, 1].into()), rport: Some(5060) };
    answer(&mut out, &message, 404, b"", b"tag", stamp).end();
    if message.is_request() && defect.is_none() {
        let response = Message::parse(&out).expect("the answer to a sound request is sound");
        assert_eq!(response.call_id(), message.call_id());
        assert_eq!(response.cseq(), message.cseq());
    }
});

fn read(value: &[u8]) {
    if let Some(uri) = Uri::parse(value) {
        let _ = (uri.same_as(&uri), uri.host_ip());
        uri.unescape_user(&mut Vec::new());
    }
    if let Some(address) = NameAddr::parse(value) {
        let _ = (address.tag(), address.q(), address.expires(), address.parsed_uri());
    }
    if let Some(credentials) = Credentials::parse(value) {
        let _ = verify(&credentials, Algorithm::Sha256, b"", b"REGISTER");
    }
    let _ = (Via::parse(value), Challenge::parse(value), ReasonValue::parse(value));
}
