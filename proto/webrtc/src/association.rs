//! One DTLS association (RFC 5763 §5, RFC 5764): a handshake of the borrowed library, driven by our time.
//!
//! The certificate and the keys are kept until the description has said whose they are: a handshake may be faster
//! than the answer (RFC 5763 §5). Nothing but the handshake goes through DTLS; once it is done the association only
//! repeats its last flight, until nobody can ask for that any more.

use core::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dimpl::{Dtls, KeyingMaterial, SrtpProfile};
use srtp::{Keys, Profile};
use timestamp::Timestamp;

use crate::fingerprint::Fingerprint;
use crate::identity::Identity;
use crate::output::Output;

/// An association that is being made, or was.
pub(crate) struct Association {
    dtls: Box<Dtls>,
    /// We began it.
    active: bool,
    /// When the library wants to be called.
    due: Option<Timestamp>,
    certificate: Vec<u8>,
    keys: Option<KeyPair>,
    connected: bool,
    failed: bool,
}

/// What the peer protects with, and what we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPair {
    pub(crate) inbound: Keys,
    pub(crate) outbound: Keys,
}

impl Association {
    /// Awaits the peer's first flight, or sends ours.
    pub(crate) fn new(active: bool, identity: &Identity, now: Timestamp) -> Self {
        let (config, certificate) = (identity.config.clone(), identity.certificate.clone());
        let mut dtls = Box::new(Dtls::new_auto(config, certificate, identity.instant(now)));
        if active {
            dtls.set_active(true);
        }
        Self { dtls, active, due: None, certificate: Vec::new(), keys: None, connected: false, failed: false }
    }

    /// Takes in a datagram of the peer's.
    pub(crate) fn on_packet(
        &mut self,
        packet: &[u8],
        to: SocketAddr,
        identity: &Identity,
        now: Timestamp,
        out: &mut Output,
    ) {
        // The library's idea of time is that of the last call.
        self.handle_timeout(Some(to), identity, now, out);
        self.drive(Some(to), identity, out, |dtls| dtls.handle_packet(packet));
    }

    /// Does what is due, and begins if it is ours to begin.
    pub(crate) fn handle_timeout(
        &mut self,
        to: Option<SocketAddr>,
        identity: &Identity,
        now: Timestamp,
        out: &mut Output,
    ) {
        let instant = identity.instant(now);
        self.drive(to, identity, out, |dtls| dtls.handle_timeout(instant));
    }

    pub(crate) const fn due(&self) -> Option<Timestamp> {
        if self.failed { None } else { self.due }
    }

    pub(crate) const fn is_failed(&self) -> bool {
        self.failed
    }

    /// The keys, once the handshake is done.
    pub(crate) fn keys(&self) -> Option<KeyPair> {
        self.keys.filter(|_| self.connected)
    }

    /// Whether the certificate that was shown is the described one; `None` if none was shown.
    pub(crate) fn fits(&self, described: &Fingerprint) -> Option<bool> {
        (!self.certificate.is_empty()).then(|| described.fits(&self.certificate))
    }

    /// Calls the library and takes what comes of it. A fault of its own ends this association and nothing else.
    fn drive(
        &mut self,
        to: Option<SocketAddr>,
        identity: &Identity,
        out: &mut Output,
        call: impl FnOnce(&mut Dtls) -> Result<(), dimpl::Error>,
    ) {
        if self.failed {
            return;
        }
        let driven = catch_unwind(AssertUnwindSafe(|| {
            let called = call(&mut self.dtls);
            self.drain(to, identity, out);
            called
        }));
        self.failed = !matches!(driven, Ok(Ok(())));
    }

    fn drain(&mut self, to: Option<SocketAddr>, identity: &Identity, out: &mut Output) {
        let mut buffer = vec![0; USUAL];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => {
                    if let Some(to) = to {
                        out.send(to, |bytes| bytes.extend_from_slice(packet));
                    }
                }
                dimpl::Output::BufferTooSmall { needed } if needed <= LARGEST => buffer.resize(needed, 0),
                dimpl::Output::Timeout(at) => {
                    self.due = Some(identity.timestamp(at));
                    return;
                }
                dimpl::Output::Connected => self.connected = true,
                dimpl::Output::PeerCert(certificate) => self.certificate = certificate.to_vec(),
                dimpl::Output::KeyingMaterial(material, profile) => {
                    self.keys = key_pair(&material, profile, self.active);
                }
                dimpl::Output::BufferTooSmall { .. } => {
                    self.failed = true;
                    return;
                }
                // Data has no place here; that a peer leaves is said by its BYE.
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association")
            .field("active", &self.active)
            .field("connected", &self.connected)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// RFC 5764 §4.2: the client's key, the server's, and their salts in the same order.
fn key_pair(material: &KeyingMaterial, profile: SrtpProfile, active: bool) -> Option<KeyPair> {
    let profile = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Profile::AesCm128HmacSha1_80,
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        _ => return None,
    };
    let (keys, salts) = material.split_at_checked(2 * profile.key_len())?;
    let (client_key, server_key) = keys.split_at_checked(profile.key_len())?;
    let (client_salt, server_salt) = salts.split_at_checked(profile.salt_len())?;
    let client = Keys::new(profile, &[client_key, client_salt].concat())?;
    let server = Keys::new(profile, &[server_key, server_salt].concat())?;
    let (inbound, outbound) = if active { (server, client) } else { (client, server) };
    Some(KeyPair { inbound, outbound })
}

/// Records are kept below 1150 octets.
const USUAL: usize = 2048;

/// A certificate that large is no honest one.
const LARGEST: usize = 65_536;
