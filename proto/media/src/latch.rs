//! Which source of packets an end believes: symmetric RTP with a lock (RFC 4961; against RTP bleed, only sources
//! that the signalling gives a reason for are believed).
//!
//! ```text
//!            first believed packet               described address changed
//!   open ──────────────────────────────▶ locked ──────────────────────────▶ open
//!                                         │  ▲
//!                                         └──┘ a better source within 300 ms of the lock;
//!                                              any believed source after a renegotiation;
//!                                              a believed source with the same SSRC after 2 s of silence
//! ```
//!
//! What is believed, best first: the described address; another port of its IP; the IP of the signalling;
//! anything. [`Latching`] says how far down that list an end goes: `Never` one step, `Auto` three, `Always` all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use timestamp::Timestamp;

use crate::command::{Latching, Remote};

/// The belief of one end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latch {
    described: Option<SocketAddr>,
    signalling: Option<IpAddr>,
    policy: Latching,
    locked: Option<Lock>,
}

/// What the latch says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// From the source that is believed.
    Known,
    /// From a source that is believed from now on: packets go there too.
    Moved,
    /// From a source that is not believed.
    Foreign,
}

#[derive(Clone, Copy, Debug)]
struct Lock {
    source: SocketAddr,
    ssrc: u32,
    rank: Rank,
    since: Timestamp,
    last: Timestamp,
    renegotiated: Option<Timestamp>,
}

/// Why a source is believed, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Described,
    DescribedIp,
    Signalling,
    Stranger,
}

impl Latch {
    /// Judges an RTP packet by its source.
    #[inline]
    pub(crate) fn judge(&mut self, source: SocketAddr, ssrc: u32, now: Timestamp) -> Verdict {
        if let Some(lock) = &mut self.locked
            && lock.source == source
        {
            lock.last = now;
            lock.ssrc = ssrc;
            return Verdict::Known;
        }
        self.judge_other(source, ssrc, now)
    }

    /// Whether RTCP from this IP is believed. RTCP never locks: the IP of the RTP source decides.
    pub(crate) fn believes_ip(&self, ip: IpAddr) -> bool {
        match self.locked {
            Some(lock) => lock.source.ip() == ip,
            None => {
                self.described.is_some_and(|described| described.ip() == ip)
                    || self.rank(SocketAddr::new(ip, 0)).is_some_and(|rank| self.allows(rank))
            }
        }
    }

    /// Takes in a new description.
    pub(crate) fn describe(&mut self, remote: &Remote, now: Timestamp) {
        self.policy = remote.latch;
        self.signalling = Some(remote.signalling);
        // Hold by 0.0.0.0 says nothing about where the stream comes from before or after it.
        if remote.rtp.is_some() && remote.rtp != self.described {
            self.described = remote.rtp;
            self.locked = None;
        }
        let believed = self.locked.is_some_and(|lock| self.rank(lock.source).is_some_and(|r| self.allows(r)));
        match &mut self.locked {
            Some(_) if !believed => self.locked = None,
            Some(lock) if remote.renegotiated => lock.renegotiated = Some(now),
            _ => {}
        }
    }

    /// Where packets to the peer go.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.locked.map(|lock| lock.source).or(self.described)
    }

    #[cold]
    fn judge_other(&mut self, source: SocketAddr, ssrc: u32, now: Timestamp) -> Verdict {
        let Some(rank) = self.rank(source).filter(|&rank| self.allows(rank)) else { return Verdict::Foreign };
        let takes_over = self.locked.is_none_or(|lock| {
            let better = rank < lock.rank && now.since(lock.since) <= PREFERENCE;
            let rebound = ssrc == lock.ssrc && now.since(lock.last) >= SILENCE;
            let reopened = lock.renegotiated.is_some_and(|at| now.since(at) <= SILENCE || lock.last <= at);
            better || rebound || reopened
        });
        if !takes_over {
            return Verdict::Foreign;
        }
        self.locked = Some(Lock { source, ssrc, rank, since: now, last: now, renegotiated: None });
        Verdict::Moved
    }

    fn allows(&self, rank: Rank) -> bool {
        match self.policy {
            Latching::Always => true,
            Latching::Auto => rank <= Rank::Signalling,
            Latching::Never => rank == Rank::Described,
        }
    }

    /// `None` before anything was described.
    fn rank(&self, source: SocketAddr) -> Option<Rank> {
        let signalling = self.signalling?;
        Some(match self.described {
            Some(described) if described == source => Rank::Described,
            Some(described) if described.ip() == source.ip() => Rank::DescribedIp,
            _ if signalling == source.ip() => Rank::Signalling,
            _ => Rank::Stranger,
        })
    }
}

/// How long after a lock a better source takes it over: a phone behind NAT often sends from both its addresses
/// at the start, and the first packet is then a matter of luck.
const PREFERENCE: Duration = Duration::from_millis(300);

/// Silence after which the same stream may come from elsewhere, as after a NAT forgot its mapping; and how long
/// after a renegotiation a source that still speaks can be taken over.
const SILENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
