//! Readers of octets: whatever comes in, they return, and what they say is consistent.

use std::net::IpAddr;

use rtp::rtcp::{self, Report};
use rtp::{RtpHeader, TelephoneEvent};
use sdp::{Description, MediaRewrite, OriginRewrite, rewrite};
use sip_msg::digest::{Algorithm, verify};
use sip_msg::{
    Challenge, Credentials, Framed, Message, NameAddr, ReasonValue, Uri, Via, ViaStamp, answer, frame, scan,
};

/// Scanning and framing; both agree with a full parse.
pub fn scanning(bytes: &[u8]) {
    if let Framed::Message { len } = frame::next(bytes, 65_536) {
        assert!(len <= bytes.len(), "a frame ends where the octets do");
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
}

/// Every reader of a message and its header fields; what is written reads back.
pub fn parsing(bytes: &[u8]) {
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
}

/// Reading a description; a rewritten one reads again.
pub fn describing(body: &[u8]) {
    let Ok(description) = Description::parse(body) else { return };
    for medium in description.media() {
        let _ = (medium.connection(), medium.direction(), medium.is_held(), medium.rtcp(), medium.ptime());
        let _ = (medium.rtpmaps().count(), medium.fmtp(101), medium.format_list().count());
        let _ = medium.cryptos().filter_map(|crypto| crypto.key(&mut [0; 46]).map(<[u8]>::len)).count();
    }
    let addr = IpAddr::from([192, 0, 2, 1]);
    let origin = OriginRewrite { user: None, id: 1, version: 2, addr };
    let place = MediaRewrite { addr, port: 30_000, rtcp_port: None, proto: None, lines: &[] };
    let mut out = Vec::new();
    rewrite(body, &description, &origin, &mut |_| Some(place), &mut out);
    let again = Description::parse(&out).expect("a rewritten description is one");
    assert_eq!(again.media().len(), description.media().len());
    let plain = sdp::webrtc::plain(body, &description, body.len().is_multiple_of(2));
    let plain = Description::parse(&plain).expect("a description without its transport is one");
    assert_eq!(plain.media().len(), description.media().len());
}

/// Telling packets apart, RTP and telephone events; ranges lie inside.
pub fn packets(bytes: &[u8]) {
    let _ = rtp::classify(bytes);
    if let Some(header) = RtpHeader::parse(bytes) {
        let payload = bytes.get(header.payload).expect("the payload lies in the packet");
        let _ = TelephoneEvent::parse(payload).and_then(|event| event.digit());
    }
}

/// Reading a compound of RTCP: its packets follow each other, and a report that is written again reads the same.
pub fn reports(bytes: &[u8]) {
    let mut rest = bytes;
    for (header, packet) in rtcp::packets(bytes) {
        assert!(packet.len() == header.len && rest.starts_with(packet), "one after the other");
        rest = rest.get(packet.len()..).unwrap_or_default();
        let Some(report) = Report::parse(packet) else { continue };
        let blocks: Vec<_> = report.blocks().collect();
        assert_eq!(blocks.len(), usize::from(header.count));
        let _ = blocks.iter().filter_map(|block| block.round_trip(1)).count();
        let mut written = Vec::new();
        rtcp::write_report(report.ssrc, report.sender.as_ref(), &blocks, &mut written);
        let again = Report::parse(&written).expect("a report");
        assert_eq!((again.ssrc, again.sender), (report.ssrc, report.sender));
        assert!(again.blocks().eq(blocks));
    }
}

/// Reading a message of STUN; nobody proves it without the key.
pub fn checks(bytes: &[u8]) {
    let Some(message) = stun::Message::parse(bytes) else { return };
    let _ = (message.addressed(), message.not_understood().count(), message.has_fingerprint());
    assert!(!message.is_proved(b"a key that nobody has"));
}

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
