//! Against the test vectors of RFC 5769, and arbitrary octets.

use std::net::SocketAddr;

use proptest::prelude::*;

use crate::{BINDING, Class, Message, Writer, attribute};

/// RFC 5769 §2.1, a request with the short-term password `VOkJxbRl1RmTxUk/WvJxBt`.
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
     80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
     80280004e57a3bcf";

/// RFC 5769 §2.2 and §2.3, the responses to it.
const RESPONSES: [(&str, &str); 2] = [
    (
        "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
         000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
        "192.0.2.1:32853",
    ),
    (
        "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
         a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
        "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
    ),
];

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_request_of_rfc_5769_is_read_and_proved() {
    let bytes = octets(REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!((message.class, message.method), (Class::Request, BINDING));
    assert_eq!(message.attribute(attribute::USERNAME), Some(b"evtj:h6vY".as_slice()));
    assert_eq!(message.addressed(), Some(b"evtj".as_slice()));
    assert_eq!(message.attribute(attribute::PRIORITY), Some([0x6e, 0, 1, 0xff].as_slice()));
    assert!(message.attribute(attribute::ICE_CONTROLLED).is_some());
    assert!(message.attribute(attribute::USE_CANDIDATE).is_none());
    assert_eq!(message.not_understood().count(), 0);
    assert!(message.has_fingerprint() && message.is_proved(PASSWORD));
    assert!(!message.is_proved(b"VOkJxbRl1RmTxUk/WvJxBu"));
}

#[test]
fn the_responses_of_rfc_5769_are_read_and_their_address_is_written_alike() {
    for (hex, addr) in RESPONSES {
        let bytes = octets(hex);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class, Class::Success);
        assert!(message.is_proved(PASSWORD), "{addr}");
        let mut written = Vec::new();
        let mut writer = Writer::new(&mut written, Class::Success, BINDING, message.transaction);
        writer.mapped(addr.parse().unwrap());
        writer.seal(PASSWORD);
        let ours = Message::parse(&written).unwrap();
        let mapped =
            |message: &Message<'_>| message.attribute(attribute::XOR_MAPPED_ADDRESS).map(<[u8]>::to_vec);
        assert_eq!(mapped(&ours), mapped(&message), "{addr}");
        assert!(ours.is_proved(PASSWORD) && ours.has_fingerprint());
    }
}

#[test]
fn what_is_bent_is_no_message() {
    let whole = octets(REQUEST);
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0x40;
        let taken = Message::parse(&bent).is_some_and(|m| m.is_proved(PASSWORD) && m.has_fingerprint());
        assert!(!taken, "octet {at}");
        assert!(Message::parse(&whole[..at]).is_none(), "cut at {at}");
    }
}

#[test]
fn an_attribute_behind_the_proof_is_not_seen() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Class::Request, BINDING, &[7; 12]);
    writer.attribute(attribute::USERNAME, b"abcd:efgh");
    writer.seal(b"secret");
    // Without its FINGERPRINT, and with USE-CANDIDATE in the place of it.
    bytes.truncate(bytes.len() - 8);
    bytes.extend_from_slice(&[0, 0x25, 0, 0]);
    let len = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    let message = Message::parse(&bytes).unwrap();
    assert!(message.is_proved(b"secret"));
    assert!(message.attribute(attribute::USE_CANDIDATE).is_none());
}

#[test]
fn errors_and_what_was_not_understood_are_written() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Class::Error, BINDING, &[1; 12]);
    writer.error(487, "Role Conflict");
    writer.attribute(0x7777, b"?");
    writer.close();
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.class, Class::Error);
    assert_eq!(message.attribute(attribute::ERROR_CODE), Some(b"\0\0\x04\x57Role Conflict".as_slice()));
    assert_eq!(message.not_understood().collect::<Vec<_>>(), [0x7777]);
    assert!(!message.is_proved(b""));
}

proptest! {
    #[test]
    fn arbitrary_octets_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..200), honest in any::<bool>()) {
        if let (true, Some(len)) = (honest, bytes.len().checked_sub(20)) {
            bytes[0] = 0;
            bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
            bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        }
        if let Some(message) = Message::parse(&bytes) {
            message.is_proved(b"key");
            message.not_understood().count();
        }
    }

    #[test]
    fn what_is_written_is_read(username in prop::collection::vec(any::<u8>(), 0..80), addr in any::<SocketAddr>()) {
        let mut bytes = b"before".to_vec();
        let mut writer = Writer::new(&mut bytes, Class::Success, 0xabc, &[9; 12]);
        writer.attribute(attribute::USERNAME, &username).mapped(addr);
        writer.seal(b"key");
        let message = Message::parse(&bytes[6..]).unwrap();
        prop_assert_eq!(message.method, 0xabc);
        prop_assert_eq!(message.attribute(attribute::USERNAME), Some(username.as_slice()));
        prop_assert!(message.is_proved(b"key"));
    }
}
