//! A browser as far as its transport goes: checks with USE-CANDIDATE, a DTLS client, and the keys it has then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use media::{Credentials, Fingerprint, Hash, Identity};
use srtp::{Keys, Profile};
use stun::{Class, Message, Writer, attribute};
use timestamp::Timestamp;

/// One browser.
pub(crate) struct Browser {
    pub(crate) addr: SocketAddr,
    /// Its last check has its answer.
    pub(crate) answered: bool,
    /// What DTLS yielded: what it protects with, and what we do.
    pub(crate) keys: Option<(Keys, Keys)>,
    /// It has given up.
    pub(crate) failed: bool,
    certificate: Vec<u8>,
    dtls: Dtls,
    start: (Timestamp, Instant),
    checked: Vec<u8>,
}

impl Browser {
    pub(crate) fn new(addr: SocketAddr, now: Timestamp) -> Self {
        let (certificate, private_key) = certificate();
        let start = Instant::now();
        let config = Arc::new(Config::builder().build().expect("a sound configuration"));
        let shown = DtlsCertificate { certificate: certificate.clone(), private_key };
        let mut dtls = Dtls::new_auto(config, shown, start);
        dtls.set_active(true);
        let checked = Vec::new();
        Self {
            addr,
            answered: false,
            keys: None,
            failed: false,
            certificate,
            dtls,
            start: (now, start),
            checked,
        }
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate, Hash::Sha256)
    }

    /// A check of the transport that has these credentials.
    pub(crate) fn check(&mut self, of: &Credentials, nominate: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, Class::Request, stun::BINDING, &[3; 12]);
        writer.attribute(attribute::USERNAME, format!("{}:mine", of.ufrag_text()).as_bytes());
        writer.attribute(attribute::ICE_CONTROLLING, &[1; 8]).attribute(attribute::PRIORITY, &[1; 4]);
        if nominate {
            writer.attribute(attribute::USE_CANDIDATE, &[]);
        }
        writer.seal(of.password_text().as_bytes());
        self.checked = of.password_text().as_bytes().to_vec();
        bytes
    }

    /// Its first flight.
    pub(crate) fn begin(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        self.failed |= self.dtls.handle_timeout(self.instant(now)).is_err();
        if self.failed { Vec::new() } else { self.drain() }
    }

    /// Hears a datagram of ours; returns what it has to say.
    pub(crate) fn hear(&mut self, packet: &[u8], now: Timestamp) -> Vec<Vec<u8>> {
        if let Some(answer) = Message::parse(packet) {
            assert_eq!(answer.class, Class::Success);
            assert!(answer.is_proved(&self.checked));
            self.answered = true;
            return Vec::new();
        }
        let heard = self.dtls.handle_timeout(self.instant(now));
        self.failed |= heard.and_then(|()| self.dtls.handle_packet(packet)).is_err();
        if self.failed { Vec::new() } else { self.drain() }
    }

    fn instant(&self, now: Timestamp) -> Instant {
        self.start.1 + now.since(self.start.0) + Duration::from_micros(1)
    }

    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        let mut buffer = vec![0; 4096];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(packet) => sent.push(packet.to_vec()),
                Output::KeyingMaterial(material, profile) => self.keys = keys(&material, profile),
                Output::Timeout(_) => return sent,
                _ => {}
            }
        }
    }
}

/// RFC 5764 §4.2, as the client sees it.
fn keys(material: &[u8], profile: SrtpProfile) -> Option<(Keys, Keys)> {
    let profile = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Profile::AesCm128HmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        _ => Profile::AeadAes256Gcm,
    };
    let (key, salt) = (profile.key_len(), profile.salt_len());
    let (keys, salts) = material.split_at_checked(2 * key)?;
    let (client, server) = keys.split_at_checked(key)?;
    let (client_salt, server_salt) = salts.split_at_checked(salt)?;
    let whole = |key: &[u8], salt: &[u8]| Keys::new(profile, &[key, salt].concat());
    Some((whole(client, client_salt)?, whole(server, server_salt)?))
}

/// Ours.
pub(crate) fn identity() -> Identity {
    let (certificate, key) = certificate();
    Identity::new(certificate, key, (Timestamp::from_secs(1000), Instant::now()))
        .expect("a sound certificate")
}

fn certificate() -> (Vec<u8>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(["media.example.test".to_owned()]).expect("a certificate");
    (made.cert.der().to_vec(), made.signing_key.serialize_der())
}
