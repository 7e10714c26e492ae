//! From end to end: master keys in, packets out, as other implementations make them and as nobody should.

use proptest::prelude::*;
use srtp::{Dropped, Inbound, Keys, OVERHEAD, Outbound, Profile};

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

fn keys(profile: Profile) -> Keys {
    let material: Vec<u8> = (0..profile.key_len() + profile.salt_len()).map(|n| n as u8 ^ 0x5a).collect();
    Keys::new(profile, &material).expect("the right length")
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 200, 0, 6];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([7; 20]);
    packet
}

type Seal = fn(&mut Outbound, &[u8]) -> Result<Vec<u8>, Dropped>;
type Open = fn(&mut Inbound, &[u8]) -> Result<Vec<u8>, Dropped>;

fn protect(outbound: &mut Outbound, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + OVERHEAD, 0);
    let len = outbound.protect(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn protect_rtcp(outbound: &mut Outbound, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + OVERHEAD, 0);
    let len = outbound.protect_rtcp(&mut buffer, packet.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn unprotect(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = packet.to_vec();
    let len = inbound.unprotect(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

fn unprotect_rtcp(inbound: &mut Inbound, packet: &[u8]) -> Result<Vec<u8>, Dropped> {
    let mut buffer = packet.to_vec();
    let len = inbound.unprotect_rtcp(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

/// The reference packets that libsrtp is validated with.
#[test]
fn packets_of_libsrtp() {
    let plain = octets("800f1234decafbadcafebabe abababababababababababababababab");
    let report = octets("81c8000bcafebabe abababababababababababababababab");
    let table = [
        (
            Profile::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            Profile::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ];
    for (profile, material, sealed, sealed_report) in table {
        let keys = Keys::new(profile, &octets(material)).expect("the right length");
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
        assert_eq!(protect(&mut outbound, &plain), Ok(octets(sealed)), "{profile:?}");
        assert_eq!(protect_rtcp(&mut outbound, &report), Ok(octets(sealed_report)), "{profile:?}");
        assert_eq!(unprotect(&mut inbound, &octets(sealed)), Ok(plain.clone()), "{profile:?}");
        assert_eq!(unprotect_rtcp(&mut inbound, &octets(sealed_report)), Ok(report.clone()), "{profile:?}");
    }
}

#[test]
fn a_packet_passes_once_and_unchanged_only() {
    for profile in Profile::ALL {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
        let table: [(Seal, Open, Vec<u8>); 2] =
            [(protect, unprotect, rtp(7, 1, &[0xd5; 160])), (protect_rtcp, unprotect_rtcp, rtcp(1))];
        for (seal, open, plain) in table {
            let sealed = seal(&mut outbound, &plain).expect("protected");
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(open(&mut inbound, &changed).is_err(), "{profile:?} {at}");
            }
            assert_eq!(open(&mut inbound, &sealed), Ok(plain));
            assert_eq!(open(&mut inbound, &sealed), Err(Dropped::Replayed));
            for len in 0..sealed.len() {
                assert!(open(&mut inbound, &sealed[..len]).is_err(), "{profile:?} {len}");
            }
        }
    }
}

#[test]
fn reordering_loss_and_rollover_pass() {
    for profile in Profile::ALL {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
        let sequences = (65_500..66_000u32).chain(70_000..70_010).chain((90_000..400_000).step_by(30_000));
        let mut sealed: Vec<_> = sequences
            .map(|n| (n, protect(&mut outbound, &rtp(n as u16, 9, &n.to_be_bytes())).expect("protected")))
            .collect();
        sealed[..500].as_chunks_mut::<50>().0.iter_mut().for_each(|chunk| chunk.reverse());
        for (n, packet) in &sealed {
            assert_eq!(
                unprotect(&mut inbound, packet),
                Ok(rtp(*n as u16, 9, &n.to_be_bytes())),
                "{profile:?} {n}"
            );
        }
        assert_eq!(inbound.streams().map(|stream| stream.rtp.highest).collect::<Vec<_>>(), [Some(390_000)]);
    }
}

#[test]
fn a_stream_whose_beginning_was_missed_is_found() {
    let keys = keys(Profile::AesCm128HmacSha1_80);
    let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
    for sequence in 65_530..=65_535 {
        protect(&mut outbound, &rtp(sequence, 9, b"early")).expect("protected");
    }
    for sequence in 0..3 {
        let sealed = protect(&mut outbound, &rtp(sequence, 9, b"late")).expect("protected");
        assert_eq!(unprotect(&mut inbound, &sealed), Ok(rtp(sequence, 9, b"late")));
    }
}

#[test]
fn a_key_stream_is_used_once() {
    for profile in Profile::ALL {
        let mut outbound = Outbound::new(&keys(profile));
        protect(&mut outbound, &rtp(500, 1, b"one")).expect("protected");
        assert_eq!(protect(&mut outbound, &rtp(500, 1, b"two")), Err(Dropped::Replayed));
        assert_eq!(protect(&mut outbound, &rtp(300, 1, b"old")), Err(Dropped::Replayed));
        protect(&mut outbound, &rtp(500, 2, b"another source")).expect("protected");
    }
}

#[test]
fn a_stream_goes_on_elsewhere() {
    let keys = keys(Profile::AeadAes256Gcm);
    let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
    let mut sealed = Vec::new();
    for n in 65_000..66_000u32 {
        sealed = protect(&mut outbound, &rtp(n as u16, 1, b"before")).expect("protected");
        unprotect(&mut inbound, &sealed).expect("authentic");
    }
    let report = protect_rtcp(&mut outbound, &rtcp(1)).expect("protected");
    unprotect_rtcp(&mut inbound, &report).expect("authentic");

    let mut outbound = Outbound::resume(&keys, &outbound.streams().collect::<Vec<_>>());
    let mut inbound = Inbound::resume(&keys, &inbound.streams().collect::<Vec<_>>());
    assert_eq!(unprotect(&mut inbound, &sealed), Err(Dropped::Replayed));
    assert_eq!(unprotect_rtcp(&mut inbound, &report), Err(Dropped::Replayed));
    let sealed = protect(&mut outbound, &rtp(66_000u32 as u16, 1, b"after")).expect("protected");
    assert_eq!(unprotect(&mut inbound, &sealed), Ok(rtp(66_000u32 as u16, 1, b"after")));
    let report = protect_rtcp(&mut outbound, &rtcp(1)).expect("protected");
    assert_eq!(unprotect_rtcp(&mut inbound, &report), Ok(rtcp(1)));
}

#[test]
fn sources_are_bounded() {
    let keys = keys(Profile::AesCm128HmacSha1_32);
    let (mut inbound, mut talking) = (Inbound::new(&keys), Outbound::new(&keys));
    for ssrc in 1..1000u32 {
        let new = protect(&mut Outbound::new(&keys), &rtp(1, ssrc, b"sound")).expect("protected");
        unprotect(&mut inbound, &new).expect("authentic");
        let known = protect(&mut talking, &rtp(ssrc as u16, 0, b"sound")).expect("protected");
        unprotect(&mut inbound, &known).expect("authentic");
    }
    assert_eq!(inbound.streams().count(), 128);
    assert!(inbound.streams().any(|stream| stream.ssrc == 0), "who keeps talking is not forgotten");

    let mut outbound = Outbound::new(&keys);
    let passed = (0..1000).filter(|&ssrc| protect(&mut outbound, &rtp(1, ssrc, b"sound")).is_ok()).count();
    assert_eq!(passed, 128);
    assert_eq!(protect(&mut outbound, &rtp(1, 5000, b"sound")), Err(Dropped::Crowded));
    protect(&mut outbound, &rtp(2, 5, b"sound")).expect("protected");
}

#[test]
fn rtcp_in_the_clear_is_not_taken() {
    let keys = keys(Profile::AesCm128HmacSha1_80);
    let mut sealed = protect_rtcp(&mut Outbound::new(&keys), &rtcp(1)).expect("protected");
    let word = sealed.len() - 14;
    sealed[word] &= 0x7f;
    assert_eq!(unprotect_rtcp(&mut Inbound::new(&keys), &sealed), Err(Dropped::Forged));
}

fn profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::ALL.to_vec())
}

proptest! {
    #[test]
    fn whatever_goes_in_comes_out(
        profile in profile(),
        sequence: u16,
        sources in prop::collection::vec(any::<u32>(), 0..16),
        extension in prop::option::of(prop::collection::vec(any::<u32>(), 0..8)),
        payload in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut packet = rtp(sequence, 77, &[]);
        packet[0] |= sources.len() as u8 | if extension.is_some() { 0x10 } else { 0 };
        packet.extend(sources.iter().flat_map(|source| source.to_be_bytes()));
        if let Some(words) = extension {
            packet.extend([0xbe, 0xde]);
            packet.extend((words.len() as u16).to_be_bytes());
            packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        let clear = packet.len();
        packet.extend(payload);
        let keys = keys(profile);
        let sealed = protect(&mut Outbound::new(&keys), &packet).expect("protected");
        prop_assert_eq!(&sealed[..clear], &packet[..clear]);
        prop_assert_eq!(unprotect(&mut Inbound::new(&keys), &sealed), Ok(packet));
    }

    #[test]
    fn nothing_but_our_own_passes(
        profile in profile(),
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..20),
    ) {
        let keys = keys(profile);
        let (mut outbound, mut inbound) = (Outbound::new(&keys), Inbound::new(&keys));
        for packet in packets {
            for first in [packet.first().copied().unwrap_or(0), 0x80, 0x90] {
                let mut packet = packet.clone();
                packet.iter_mut().take(1).for_each(|octet| *octet = first);
                prop_assert!(unprotect(&mut inbound, &packet).is_err());
                prop_assert!(unprotect_rtcp(&mut inbound, &packet).is_err());
                let _ = protect(&mut outbound, &packet);
                let _ = protect_rtcp(&mut outbound, &packet);
            }
        }
        prop_assert_eq!(inbound.streams().count(), 0);
    }
}
