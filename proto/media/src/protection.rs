//! How the packets of one end are protected: nothing, a demand that waits for keys, or keys in both directions.

use rtp::Kind;
use srtp::{Dropped, Inbound, Keys, OVERHEAD, Outbound};

/// What passes an end, and in which form.
#[derive(Debug, Default)]
pub(crate) enum Protection {
    /// Everything, in the clear.
    #[default]
    None,
    /// Nothing yet: keys are awaited.
    Demanded,
    /// Packets under these keys.
    Keyed(Box<Keyed>),
}

/// Both directions of an end.
#[derive(Debug)]
pub(crate) struct Keyed {
    inbound: Inbound,
    /// The key before: its packets may still be on their way, until the first one under the new key comes.
    former: Option<Inbound>,
    outbound: Outbound,
}

impl Protection {
    /// Nothing in the clear any more; keys that are there stay.
    pub(crate) fn demand(&mut self) {
        if matches!(self, Self::None) {
            *self = Self::Demanded;
        }
    }

    /// Takes these keys. A direction whose key is not new goes on with its counters (RFC 4568 §7.1.4).
    pub(crate) fn key(&mut self, inbound: &Keys, outbound: &Keys) {
        let Self::Keyed(keyed) = self else {
            let (inbound, outbound) = (Inbound::new(inbound), Outbound::new(outbound));
            *self = Self::Keyed(Box::new(Keyed { inbound, former: None, outbound }));
            return;
        };
        if keyed.inbound.keys() != inbound {
            keyed.former = Some(core::mem::replace(&mut keyed.inbound, Inbound::new(inbound)));
        }
        if keyed.outbound.keys() != outbound {
            keyed.outbound = Outbound::new(outbound);
        }
    }

    /// Opens the packet that lies in the arena from `start` on.
    pub(crate) fn open(&mut self, kind: Kind, arena: &mut Vec<u8>, start: usize) -> Result<(), Dropped> {
        let packet = arena.get_mut(start..).unwrap_or_default();
        let len = match self {
            Self::None => packet.len(),
            Self::Demanded => return Err(Dropped::Forged),
            Self::Keyed(keyed) => keyed.open(kind, packet)?,
        };
        arena.truncate(start + len);
        Ok(())
    }

    /// Protects the packet that lies in the arena from `start` on.
    #[inline]
    pub(crate) fn seal(&mut self, kind: Kind, arena: &mut Vec<u8>, start: usize) -> Result<(), Dropped> {
        let outbound = match self {
            Self::None => return Ok(()),
            Self::Demanded => return Err(Dropped::Exhausted),
            Self::Keyed(keyed) => &mut keyed.outbound,
        };
        let len = arena.len().saturating_sub(start);
        arena.resize(arena.len() + OVERHEAD, 0);
        let buffer = arena.get_mut(start..).unwrap_or_default();
        let len = match kind {
            Kind::Rtcp => outbound.protect_rtcp(buffer, len)?,
            Kind::Rtp | Kind::Stun | Kind::Dtls | Kind::Other => outbound.protect(buffer, len)?,
        };
        arena.truncate(start + len);
        Ok(())
    }
}

impl Keyed {
    fn open(&mut self, kind: Kind, packet: &mut [u8]) -> Result<usize, Dropped> {
        let opened = unprotect(&mut self.inbound, kind, packet);
        match (&mut self.former, opened) {
            (Some(former), Err(Dropped::Forged)) => unprotect(former, kind, packet),
            (Some(_), Ok(_)) => {
                self.former = None;
                opened
            }
            (_, opened) => opened,
        }
    }
}

fn unprotect(inbound: &mut Inbound, kind: Kind, packet: &mut [u8]) -> Result<usize, Dropped> {
    match kind {
        Kind::Rtp => inbound.unprotect(packet),
        Kind::Rtcp => inbound.unprotect_rtcp(packet),
        Kind::Stun | Kind::Dtls | Kind::Other => Err(Dropped::Malformed),
    }
}
