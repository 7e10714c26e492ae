//! What leaves: encrypted and authenticated, each packet once (RFC 3711 §3.3, §3.4).
//!
//! What is relayed has the sequence numbers of whoever made it. One that was used before is not protected again: two
//! packets under one key stream would give each other away, and with AES-GCM the key of the tags as well.

use core::fmt;

use crate::cipher::{Cipher, Place};
use crate::derive::Protocol;
use crate::dropped::Dropped;
use crate::header::{Header, rtcp_source};
use crate::keys::Keys;
use crate::streams::{Stream, Streams};

/// The packets to a peer under one key.
pub struct Outbound {
    keys: Keys,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Streams,
}

impl Outbound {
    /// A direction in which nothing has left yet.
    pub fn new(keys: &Keys) -> Self {
        Self::resume(keys, &[])
    }

    /// A direction that goes on where [`Self::streams`] left it.
    pub fn resume(keys: &Keys, streams: &[Stream]) -> Self {
        let (rtp, rtcp) = (Cipher::new(keys, Protocol::Rtp), Cipher::new(keys, Protocol::Rtcp));
        Self { keys: *keys, rtp, rtcp, streams: Streams::of(streams) }
    }

    /// Its key.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where its sources stand.
    pub fn streams(&self) -> impl Iterator<Item = Stream> + '_ {
        self.streams.iter()
    }

    /// Turns RTP, the first `len` octets of `buffer`, into SRTP; returns how long it is then, up to [`OVERHEAD`] more.
    pub fn protect(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Dropped> {
        let packet = buffer.get(..len).ok_or(Dropped::Malformed)?;
        let Header { ssrc, sequence, len: header } = Header::of(packet).ok_or(Dropped::Malformed)?;
        let stream = find(&mut self.streams, ssrc)?;
        let index = stream.rtp.index_of(sequence);
        if !stream.rtp.admits(index) {
            return Err(Dropped::Replayed);
        }
        if index > LAST {
            return Err(Dropped::Exhausted);
        }
        stream.rtp.pass(index);
        self.rtp.seal(buffer, len, header, Place { ssrc, index }).ok_or(Dropped::Malformed)
    }

    /// Turns RTCP, the first `len` octets of `buffer`, into SRTCP; returns how long it is then, up to [`OVERHEAD`] more.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Dropped> {
        let packet = buffer.get(..len).ok_or(Dropped::Malformed)?;
        let ssrc = rtcp_source(packet).ok_or(Dropped::Malformed)?;
        let stream = find(&mut self.streams, ssrc)?;
        // From 1 on, as libsrtp counts.
        let index = stream.rtcp.highest.map_or(1, |highest| highest + 1);
        if index > LAST_RTCP {
            return Err(Dropped::Exhausted);
        }
        stream.rtcp.pass(index);
        self.rtcp.seal_rtcp(buffer, len, Place { ssrc, index }).ok_or(Dropped::Malformed)
    }
}

/// The stream of a source. None is ever forgotten: it would begin again with key streams that were used.
fn find(streams: &mut Streams, ssrc: u32) -> Result<&mut Stream, Dropped> {
    if streams.find(ssrc).is_none() {
        if streams.is_full() {
            return Err(Dropped::Crowded);
        }
        streams.add(Stream { ssrc, ..Stream::default() });
    }
    streams.find(ssrc).ok_or(Dropped::Crowded)
}

/// Shows no key.
impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("keys", &self.keys)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

/// Octets that a packet grows by at most: the tag of AES-GCM and the index of RTCP.
pub const OVERHEAD: usize = 20;

/// Packets under one key (RFC 3711 §9.2).
const LAST: u64 = (1 << 48) - 1;
const LAST_RTCP: u64 = (1 << 31) - 1;
