//! Tables for the formats.

use crate::g711::Law;
use crate::rtcp::{self, Report, ReportBlock, RtcpHeader, SenderInformation};
use crate::{Kind, RtpHeader, TelephoneEvent, classify, write_header};

fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    write_header(true, 8, 65_535, 160, 0xdead_beef, &mut packet);
    packet.extend(payload);
    packet
}

#[test]
fn a_header_reads_as_written() {
    let header = RtpHeader::parse(&packet(&[1, 2, 3])).expect("well-formed");
    let expected = RtpHeader {
        marker: true,
        payload_type: 8,
        sequence: 65_535,
        timestamp: 160,
        ssrc: 0xdead_beef,
        payload: 12..15,
    };
    assert_eq!(header, expected);
}

#[test]
fn sources_extension_and_padding_are_skipped_within_bounds() {
    let check = |flags: u8, rest: &[u8], expected: Option<std::ops::Range<usize>>| {
        let mut bytes = packet(rest);
        bytes[0] = flags;
        assert_eq!(RtpHeader::parse(&bytes).map(|h| h.payload), expected, "{flags:#x} {rest:?}");
    };
    check(0x80, &[], Some(12..12));
    check(0x81, &[0, 0, 0, 1, 9], Some(16..17));
    check(0x8f, &[0, 0, 0, 1, 9], None);
    check(0x90, &[0xbe, 0xde, 0, 1, 1, 2, 3, 4, 9], Some(20..21));
    check(0x90, &[0xbe, 0xde, 0, 2, 1, 2, 3, 4, 9], None);
    check(0x90, &[0xbe, 0xde], None);
    check(0xa0, &[9, 0, 0, 3], Some(12..13));
    check(0xa0, &[9, 0, 0, 200], None);
    check(0xa0, &[9, 0, 0, 0], Some(12..15));
    check(0x40, &[9], None);
    assert_eq!(RtpHeader::parse(&[0x80; 11]), None);
}

#[test]
fn first_octets_tell_the_protocol() {
    for (bytes, kind) in [
        (&[][..], Kind::Other),
        (&[0, 1], Kind::Stun),
        (&[3, 0], Kind::Stun),
        (&[4, 0], Kind::Other),
        (&[22, 254], Kind::Dtls),
        (&[64, 0], Kind::Other),
        (&[0x80], Kind::Other),
        (&[0x80, 0], Kind::Rtp),
        (&[0xbf, 0x80 | 8], Kind::Rtp),
        (&[0x80, 63], Kind::Rtp),
        (&[0x80, 200], Kind::Rtcp),
        (&[0x81, 223], Kind::Rtcp),
        (&[0x80, 224], Kind::Rtp),
        (&[0x80, 101], Kind::Rtp),
        (&[192, 0], Kind::Other),
    ] {
        assert_eq!(classify(bytes), kind, "{bytes:?}");
    }
}

#[test]
fn telephone_events_read_as_written() {
    let event = TelephoneEvent { event: 11, end: true, volume: 10, duration: 1600 };
    let mut bytes = Vec::new();
    event.write(&mut bytes);
    assert_eq!(bytes, [11, 0x8a, 6, 64]);
    assert_eq!(TelephoneEvent::parse(&bytes), Some(event));
    assert_eq!(TelephoneEvent::parse(&bytes[..3]), None);
    assert_eq!(event.digit(), Some('#'));
    assert_eq!(TelephoneEvent::code_of('d'), Some(15));
    assert_eq!(TelephoneEvent::code_of('E'), None);
}

#[test]
fn reports_read_as_written() {
    let sender = SenderInformation { ntp: 0x0102_0304_0506_0708, rtp: 9, packets: 10, octets: 11 };
    let block = ReportBlock {
        ssrc: 5,
        fraction_lost: 255,
        cumulative_lost: -3,
        highest_sequence: 0x0001_ffff,
        jitter: 42,
        last_sender_report: 0x0304_0506,
        delay_since: 65_536,
    };
    let mut compound = Vec::new();
    rtcp::write_report(1, Some(&sender), &[block, ReportBlock::default()], &mut compound);
    rtcp::write_report(2, None, &[block], &mut compound);

    let packets: Vec<_> = rtcp::packets(&compound).collect();
    assert_eq!(packets[0].0, RtcpHeader { count: 2, packet_type: rtcp::SENDER_REPORT, len: 76 });
    assert_eq!(packets[1].0, RtcpHeader { count: 1, packet_type: rtcp::RECEIVER_REPORT, len: 32 });
    let first = Report::parse(packets[0].1).expect("a report");
    assert_eq!((first.ssrc, first.sender), (1, Some(sender)));
    assert_eq!(first.blocks().collect::<Vec<_>>(), [block, ReportBlock::default()]);
    let second = Report::parse(packets[1].1).expect("a report");
    assert_eq!((second.ssrc, second.sender), (2, None));
    assert_eq!(second.blocks().collect::<Vec<_>>(), [block]);
}

#[test]
fn truncated_reports_are_refused() {
    let mut report = Vec::new();
    rtcp::write_report(1, None, &[ReportBlock::default()], &mut report);
    for len in 0..report.len() {
        assert!(Report::parse(&report[..len]).is_none(), "{len}");
    }
    report[0] += 1;
    assert!(Report::parse(&report).is_none(), "a count beyond the length");
}

#[test]
fn round_trip_is_elapsed_less_delay() {
    let block = ReportBlock { last_sender_report: 0xffff_0000, delay_since: 0x8000, ..Default::default() };
    assert_eq!(block.round_trip(0x0000_8000), Some(0x1_0000));
    assert_eq!(ReportBlock::default().round_trip(7), None);
}

#[test]
fn g711_round_trips_every_octet() {
    for law in [Law::A, Law::Mu] {
        for octet in 0..=255u8 {
            let sample = law.decode(octet);
            let again = law.decode(law.encode(sample));
            assert_eq!(again, sample, "{law:?} {octet:#x}");
        }
    }
}

#[test]
fn g711_known_values_and_error() {
    assert_eq!([Law::Mu.encode(0), Law::Mu.encode(i16::MAX), Law::Mu.encode(i16::MIN)], [0xff, 0x80, 0x00]);
    assert_eq!([Law::A.encode(0), Law::A.encode(i16::MAX), Law::A.encode(i16::MIN)], [0xd5, 0xaa, 0x2a]);
    assert_eq!([Law::Mu.decode(0x80), Law::Mu.decode(0xff), Law::Mu.decode(0x00)], [32_124, 0, -32_124]);
    assert_eq!([Law::A.decode(0xaa), Law::A.decode(0xd5), Law::A.decode(0x55)], [32_256, 8, -8]);
    for law in [Law::A, Law::Mu] {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let error = (i32::from(law.decode(law.encode(sample))) - i32::from(sample)).abs();
            assert!(error <= 16 + i32::from(sample).abs() / 24, "{law:?} {sample} is off by {error}");
        }
    }
}
