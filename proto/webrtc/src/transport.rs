//! One transport: an ICE agent that says where the peer is, and a DTLS association that says who it is.
//!
//! ```text
//!            a check is proved           handshake done, certificate as described
//!   waiting ───────────────────▶ proven ────────────────────────────────────────▶ keyed
//!      │                           │                                                │
//!      │ 30 s after a description  │ handshake fails, another certificate           │ 30 s without a check
//!      └───────────────────────────┴─────────────────▶ over ◀───────────────────────┘
//! ```
//!
//! RFC 8842 §4: the association stays through re-INVITE, hold and ICE restart; another certificate in a description is
//! another association. Datagrams from addresses that no check has proved are not looked into.

use std::net::SocketAddr;
use std::time::Duration;

use srtp::Keys;
use stun::Message;
use timestamp::Timestamp;

use crate::agent::Agent;
use crate::association::{Association, KeyPair};
use crate::credentials::Credentials;
use crate::fingerprint::Fingerprint;
use crate::identity::{Identity, PATIENCE};
use crate::output::{News, Output};

/// A transport of one peer.
#[derive(Debug)]
pub struct Transport {
    agent: Agent,
    peer: Option<Peer>,
    association: Option<Association>,
    keyed: Option<KeyPair>,
    /// When the peer must have shown up, or when the association is not needed any more.
    until: Option<Timestamp>,
    over: bool,
}

/// What the peer's description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The certificate that it will show.
    pub fingerprint: Fingerprint,
    /// We begin the handshake: it said `passive` (RFC 5763 §5).
    pub active: bool,
}

impl Transport {
    /// A transport that awaits checks with these credentials.
    pub fn new(local: Credentials) -> Self {
        Self {
            agent: Agent::new(local),
            peer: None,
            association: None,
            keyed: None,
            until: None,
            over: false,
        }
    }

    /// Takes new credentials of ours: ICE restarts. A peer that was lost may come back that way.
    pub fn restart(&mut self, local: Credentials, now: Timestamp) {
        self.agent.restart(local, now);
        self.over &= self.keyed.is_none();
    }

    /// Takes in what a description says of the peer.
    pub fn describe(&mut self, peer: Peer, identity: &Identity, now: Timestamp, out: &mut Output) {
        let former = self.peer.replace(peer);
        if former.is_some_and(|former| former.fingerprint != peer.fingerprint) {
            self.association = None;
            self.keyed = None;
        }
        if self.keyed.is_none() {
            self.until = Some(now + PATIENCE);
        }
        self.start(identity, now, out);
        self.judge(now, out);
    }

    /// Takes in a check; `false` if it is not the peer's.
    pub fn on_check(
        &mut self,
        check: &Message<'_>,
        from: SocketAddr,
        identity: &Identity,
        now: Timestamp,
        out: &mut Output,
    ) -> bool {
        let proved = self.agent.on_check(check, from, now, out);
        if proved {
            self.start(identity, now, out);
        }
        proved
    }

    /// Takes in a DTLS datagram; `false` if it is not the peer's.
    pub fn on_dtls(
        &mut self,
        packet: &[u8],
        from: SocketAddr,
        identity: &Identity,
        now: Timestamp,
        out: &mut Output,
    ) -> bool {
        if !self.agent.is_proven(from) {
            return false;
        }
        // A keyed transport without an association has outlived it.
        let may_begin = !self.over && self.keyed.is_none() && self.peer.is_none_or(|peer| !peer.active);
        if self.association.is_none() && may_begin {
            self.association = Some(Association::new(false, identity, now));
        }
        if let Some(association) = &mut self.association {
            association.on_packet(packet, from, identity, now, out);
            self.judge(now, out);
        }
        true
    }

    /// Where the peer is, if it has been proven anywhere.
    pub fn target(&self) -> Option<SocketAddr> {
        self.agent.target()
    }

    /// What the peer protects with and what we do, once the handshake is done.
    pub fn keys(&self) -> Option<(Keys, Keys)> {
        self.keyed.map(|keys| (keys.inbound, keys.outbound))
    }

    /// When to call [`Self::handle_timeout`] at the latest.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        if self.over {
            return None;
        }
        let handshake = self.association.as_ref().and_then(Association::due);
        [handshake, self.until, self.agent.consent_ends()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, identity: &Identity, now: Timestamp, out: &mut Output) {
        if self.over {
            return;
        }
        let target = self.agent.target();
        if let Some(association) = self.association.as_mut().filter(|a| a.due().is_some_and(|at| at <= now)) {
            association.handle_timeout(target, identity, now, out);
            self.judge(now, out);
        }
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
            match self.keyed {
                Some(_) => self.association = None,
                None => self.end(News::HandshakeFailed, out),
            }
        }
        if self.agent.consent_ends().is_some_and(|ends| ends <= now) {
            self.end(News::ConsentLost, out);
        }
    }

    /// Begins the handshake, if that is ours to do and there is somebody to do it with.
    fn start(&mut self, identity: &Identity, now: Timestamp, out: &mut Output) {
        let ours = self.peer.is_some_and(|peer| peer.active);
        if !ours || self.over || self.keyed.is_some() || self.association.is_some() {
            return;
        }
        if let Some(target) = self.agent.target() {
            let association = self.association.insert(Association::new(true, identity, now));
            association.handle_timeout(Some(target), identity, now, out);
        }
    }

    /// Looks at what has become of the handshake.
    fn judge(&mut self, now: Timestamp, out: &mut Output) {
        let Some(association) = &self.association else { return };
        if self.keyed.is_some() || self.over {
            return;
        }
        let Some(peer) = self.peer else {
            if association.is_failed() {
                // Whoever it was may begin again.
                self.association = None;
            }
            return;
        };
        if association.fits(&peer.fingerprint) == Some(false) {
            return self.end(News::FingerprintMismatch, out);
        }
        if let (Some(keys), Some(true)) = (association.keys(), association.fits(&peer.fingerprint)) {
            self.keyed = Some(keys);
            self.until = Some(now + AFTERWARDS);
            out.tell(News::Keyed { inbound: keys.inbound, outbound: keys.outbound });
        } else if association.is_failed() {
            self.end(News::HandshakeFailed, out);
        }
    }

    fn end(&mut self, news: News, out: &mut Output) {
        if !self.over {
            self.over = true;
            self.association = None;
            out.tell(news);
        }
    }
}

/// How long a peer may repeat its last flight because ours was lost: RFC 6347 §4.2.4.1 doubles up to 60 s.
const AFTERWARDS: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
