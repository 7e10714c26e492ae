//! Two sides of a transport: ours, and a peer that checks and shakes hands by the same library.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun::{Class, Message, Writer, attribute};
use timestamp::Timestamp;

use super::{Peer, Transport};
use crate::association::Association;
use crate::credentials::Credentials;
use crate::fingerprint::{Fingerprint, Hash};
use crate::identity::Identity;
use crate::output::{News, Output};

fn ours() -> Credentials {
    Credentials::from_numbers([1, 2, 3, 4])
}

fn there() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 4000))
}

fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(["peer.example.test".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    Identity::new(certificate, key, (Timestamp::from_secs(1000), Instant::now())).unwrap()
}

/// Both sides, and the time.
struct Pair {
    us: Transport,
    our_identity: Identity,
    them: Association,
    their_identity: Identity,
    now: Timestamp,
    /// Every datagram with this remainder by three is lost.
    lose: Option<usize>,
    sent: usize,
    news: Vec<News>,
}

impl Pair {
    fn new(we_begin: bool, lose: Option<usize>) -> Self {
        let now = Timestamp::from_secs(1000);
        let (our_identity, their_identity) = (identity(), identity());
        let them = Association::new(!we_begin, &their_identity, now);
        let us = Transport::new(ours());
        Self { us, our_identity, them, their_identity, now, lose, sent: 0, news: Vec::new() }
    }

    fn check(&mut self) {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, stun::BINDING, &[5; 12]);
        writer.attribute(attribute::USERNAME, format!("{}:them", ours().ufrag_text()).as_bytes());
        writer.attribute(attribute::USE_CANDIDATE, &[]);
        writer.seal(ours().password());
        let mut out = Output::default();
        let check = Message::parse(&bytes).unwrap();
        assert!(self.us.on_check(&check, there(), &self.our_identity, self.now, &mut out));
        self.take(&out);
    }

    fn describe(&mut self, fingerprint: Fingerprint, active: bool) {
        let mut out = Output::default();
        self.us.describe(Peer { fingerprint, active }, &self.our_identity, self.now, &mut out);
        self.take(&out);
    }

    /// What we want goes to them, and what comes of that comes back.
    fn take(&mut self, out: &Output) {
        self.news.extend_from_slice(out.news());
        for (to, packet) in out.datagrams() {
            assert_eq!(to, there());
            if packet.first().is_some_and(|&first| first > 19) && !self.is_lost() {
                let mut answer = Output::default();
                self.them.on_packet(packet, there(), &self.their_identity, self.now, &mut answer);
                self.bring(&answer);
            }
        }
    }

    fn bring(&mut self, out: &Output) {
        for (_, packet) in out.datagrams() {
            if !self.is_lost() {
                let mut answer = Output::default();
                let ours = self.us.on_dtls(packet, there(), &self.our_identity, self.now, &mut answer);
                assert!(ours);
                self.take(&answer);
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        self.sent += 1;
        self.lose.is_some_and(|rest| self.sent % 3 == rest)
    }

    /// Lets a second go by in small steps.
    fn wait(&mut self) {
        for _ in 0..20 {
            self.now = self.now + Duration::from_millis(50);
            let mut out = Output::default();
            self.them.handle_timeout(Some(there()), &self.their_identity, self.now, &mut out);
            self.bring(&out);
            if self.us.next_timeout().is_some_and(|at| at <= self.now) {
                let mut out = Output::default();
                self.us.handle_timeout(&self.our_identity, self.now, &mut out);
                self.take(&out);
            }
        }
    }

    fn is_keyed_alike(&self) -> bool {
        let theirs = self.them.keys().expect("they are done");
        let keyed = News::Keyed { inbound: theirs.outbound, outbound: theirs.inbound };
        self.news.iter().filter(|&&news| news == keyed).count() == 1
    }

    fn their_fingerprint(&self) -> Fingerprint {
        self.their_identity.fingerprint()
    }
}

#[test]
fn both_roles_yield_the_same_keys_on_both_sides_also_when_datagrams_are_lost() {
    for we_begin in [false, true] {
        for lose in [None, Some(0), Some(1), Some(2)] {
            let mut pair = Pair::new(we_begin, lose);
            pair.describe(pair.their_fingerprint(), we_begin);
            pair.check();
            for _ in 0..20 {
                pair.wait();
                pair.check();
            }
            assert!(pair.is_keyed_alike(), "we begin: {we_begin}, lost: {lose:?}, {:?}", pair.news);
            assert_eq!(pair.us.target(), Some(there()));
        }
    }
}

#[test]
fn a_handshake_before_the_description_waits_for_it() {
    for honest in [true, false] {
        let mut pair = Pair::new(false, None);
        pair.check();
        pair.wait();
        assert_eq!(pair.news, [News::Proven(there()), News::Nominated(there())]);
        let other = Fingerprint::of(b"somebody else", Hash::Sha256);
        pair.describe(if honest { pair.their_fingerprint() } else { other }, false);
        assert_eq!(pair.news.last() == Some(&News::FingerprintMismatch), !honest);
        assert_eq!(honest, pair.news.len() == 3 && pair.is_keyed_alike());
    }
}

#[test]
fn another_certificate_than_described_is_told_and_nothing_is_believed_after_it() {
    let mut pair = Pair::new(false, None);
    pair.describe(Fingerprint::of(b"somebody else", Hash::Sha384), false);
    pair.check();
    pair.wait();
    assert_eq!(pair.news.get(2..), Some([News::FingerprintMismatch].as_slice()));
    assert_eq!(pair.us.next_timeout(), None);
}

#[test]
fn strangers_are_not_looked_into() {
    let mut pair = Pair::new(false, None);
    let mut out = Output::default();
    let hello = [22, 254, 253, 0, 0];
    assert!(!pair.us.on_dtls(&hello, there(), &pair.our_identity, pair.now, &mut out));
    assert!(pair.us.association.is_none());
    pair.check();
    assert!(pair.us.on_dtls(&hello, there(), &pair.our_identity, pair.now, &mut out));
}

#[test]
fn a_peer_that_never_comes_and_one_that_stops_checking_are_told() {
    let mut pair = Pair::new(true, None);
    pair.describe(pair.their_fingerprint(), true);
    (0..29).for_each(|_| pair.wait());
    assert_eq!(pair.news, []);
    pair.wait();
    assert_eq!(pair.news, [News::HandshakeFailed]);

    let mut pair = Pair::new(false, None);
    pair.describe(pair.their_fingerprint(), false);
    for _ in 0..40 {
        pair.check();
        pair.wait();
    }
    assert_eq!(pair.news.len(), 3);
    (0..29).for_each(|_| pair.wait());
    assert_eq!(pair.news.get(3..), Some([News::ConsentLost].as_slice()));
}

#[test]
fn an_association_outlives_its_use_by_two_minutes_and_another_certificate_begins_anew() {
    let mut pair = Pair::new(false, None);
    pair.describe(pair.their_fingerprint(), false);
    for _ in 0..125 {
        pair.check();
        pair.wait();
    }
    assert!(pair.is_keyed_alike() && pair.us.association.is_none());
    pair.their_identity = identity();
    pair.them = Association::new(true, &pair.their_identity, pair.now);
    pair.news.clear();
    pair.describe(pair.their_fingerprint(), false);
    pair.check();
    pair.wait();
    assert!(pair.is_keyed_alike());
}
