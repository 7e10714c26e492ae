//! The lite agent of ICE: proves peers by the checks they send (RFC 8445 §7.3), and follows their nominations.
//!
//! It never sends a check, so it never learns of an address that no check came from. All it has of a peer are the
//! addresses that were proven, a few at most. Role conflicts end with the peer controlling: against a lite agent there
//! is no other way (§6.1.1). Whether a peer is still there follows from its checks as well (RFC 7675 §5.1 asks for one
//! every few seconds).

use std::net::SocketAddr;
use std::time::Duration;

use smallvec::SmallVec;
use stun::{Class, Message, Writer, attribute};
use timestamp::Timestamp;

use crate::credentials::Credentials;
use crate::output::{News, Output};

/// One lite agent.
#[derive(Debug)]
pub(crate) struct Agent {
    local: Credentials,
    /// Those before a restart, until a check comes with the new ones.
    former: Option<Credentials>,
    /// Where proved checks came from, the latest last.
    proven: SmallVec<[SocketAddr; 2]>,
    nominated: Option<SocketAddr>,
    /// When the last proved check came.
    heard: Option<Timestamp>,
}

impl Agent {
    pub(crate) fn new(local: Credentials) -> Self {
        Self { local, former: None, proven: SmallVec::new(), nominated: None, heard: None }
    }

    /// Takes new credentials (RFC 8839 §4.4.1.1.1). Media goes on as it went until the peer has found its way anew.
    pub(crate) fn restart(&mut self, local: Credentials, now: Timestamp) {
        if local != self.local {
            self.former = Some(core::mem::replace(&mut self.local, local));
            self.heard = self.heard.map(|_| now);
        }
    }

    /// Judges a check, and answers it.
    pub(crate) fn on_check(
        &mut self,
        check: &Message<'_>,
        from: SocketAddr,
        now: Timestamp,
        out: &mut Output,
    ) -> bool {
        if check.class != Class::Request || check.method != stun::BINDING || !check.has_fingerprint() {
            return false;
        }
        let Some(known) = self.known(check).filter(|known| check.is_proved(known.password())) else {
            return false;
        };
        if check.not_understood().next().is_some() {
            refuse(check, from, &known, &Refusal::Unknown, out);
            return true;
        }
        if check.attribute(attribute::ICE_CONTROLLED).is_some() {
            refuse(check, from, &known, &Refusal::RoleConflict, out);
            return true;
        }
        if known == self.local {
            self.former = None;
        }
        self.heard = Some(now);
        out.send(from, |bytes| {
            let mut writer = Writer::new(bytes, Class::Success, stun::BINDING, check.transaction);
            writer.mapped(from);
            writer.seal(known.password());
        });
        self.prove(from, out);
        // RFC 8445 §8.1.1; a peer that nominates more than once means the last one.
        if check.attribute(attribute::USE_CANDIDATE).is_some() && self.nominated != Some(from) {
            self.nominated = Some(from);
            out.tell(News::Nominated(from));
        }
        true
    }

    /// Where the peer is: what it nominated, or what was proven last.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.nominated.or_else(|| self.proven.last().copied())
    }

    pub(crate) fn is_proven(&self, from: SocketAddr) -> bool {
        self.proven.contains(&from)
    }

    /// When consent ends if no check comes before; `None` before the first.
    pub(crate) fn consent_ends(&self) -> Option<Timestamp> {
        self.heard.map(|heard| heard + CONSENT)
    }

    /// The credentials that a check is addressed to.
    fn known(&self, check: &Message<'_>) -> Option<Credentials> {
        let ufrag = check.addressed()?;
        [Some(self.local), self.former].into_iter().flatten().find(|known| known.ufrag() == ufrag)
    }

    fn prove(&mut self, from: SocketAddr, out: &mut Output) {
        if self.is_proven(from) {
            return;
        }
        if self.proven.len() >= MOST_PROVEN
            && let Some(oldest) = self.proven.iter().position(|&addr| self.nominated != Some(addr))
        {
            out.tell(News::Dropped(self.proven.remove(oldest)));
        }
        self.proven.push(from);
        out.tell(News::Proven(from));
    }
}

/// Why a proved check is refused.
enum Refusal {
    RoleConflict,
    Unknown,
}

fn refuse(check: &Message<'_>, to: SocketAddr, known: &Credentials, refusal: &Refusal, out: &mut Output) {
    out.send(to, |bytes| {
        let mut writer = Writer::new(bytes, Class::Error, stun::BINDING, check.transaction);
        match refusal {
            // RFC 8445 §7.3.1.1.
            Refusal::RoleConflict => writer.error(487, "Role Conflict"),
            // RFC 8489 §6.3.1.
            Refusal::Unknown => {
                let mut unknown = SmallVec::<[u8; 16]>::new();
                check.not_understood().take(8).for_each(|kind| unknown.extend(kind.to_be_bytes()));
                writer.error(420, "Unknown Attribute").attribute(attribute::UNKNOWN_ATTRIBUTES, &unknown)
            }
        };
        writer.seal(known.password());
    });
}

/// RFC 7675 §5.1.
const CONSENT: Duration = Duration::from_secs(30);

/// A browser checks from every address it has, and from a port of its own on each.
const MOST_PROVEN: usize = 8;

#[cfg(test)]
mod tests;
