//! What comes: authenticated, decrypted and passed once (RFC 3711 §3.3, §3.4).

use core::fmt;

use crate::cipher::{Cipher, ENCRYPTED, Place};
use crate::derive::Protocol;
use crate::dropped::Dropped;
use crate::header::{Header, RTCP_CLEAR, rtcp_source};
use crate::keys::Keys;
use crate::streams::{Stream, Streams};
use crate::window::Window;

/// The packets of a peer under one key.
pub struct Inbound {
    keys: Keys,
    rtp: Cipher,
    rtcp: Cipher,
    streams: Streams,
}

impl Inbound {
    /// A direction in which nothing has come yet.
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

    /// Turns a packet of SRTP into RTP; returns how many octets of it are left.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, Dropped> {
        let len = packet.len().checked_sub(self.rtp.tag_len()).ok_or(Dropped::Malformed)?;
        let (packet, tag) = packet.split_at_mut_checked(len).ok_or(Dropped::Malformed)?;
        let Header { ssrc, sequence, len: header } = Header::of(packet).ok_or(Dropped::Malformed)?;
        let Some(stream) = self.streams.find(ssrc) else {
            return self.unprotect_first(packet, tag);
        };
        let index = stream.rtp.index_of(sequence);
        if !stream.rtp.admits(index) {
            return Err(Dropped::Replayed);
        }
        if !self.rtp.open(packet, tag, header, Place { ssrc, index }) {
            return Err(Dropped::Forged);
        }
        stream.rtp.pass(index);
        Ok(len)
    }

    /// The first packet of a source that comes here: its stream may have rolled over since it began.
    #[cold]
    fn unprotect_first(&mut self, packet: &mut [u8], tag: &[u8]) -> Result<usize, Dropped> {
        let Header { ssrc, sequence, len: header } = Header::of(packet).ok_or(Dropped::Malformed)?;
        let begun = u64::from(sequence);
        let mut likely = [Some(begun), (sequence < 0x8000).then_some(begun | 0x1_0000)].into_iter().flatten();
        let index = likely.find(|&index| self.rtp.open(packet, tag, header, Place { ssrc, index }));
        let index = index.ok_or(Dropped::Forged)?;
        let mut rtp = Window::default();
        rtp.pass(index);
        self.streams.add(Stream { ssrc, rtp, rtcp: Window::default() });
        Ok(packet.len())
    }

    /// Turns a packet of SRTCP into RTCP; returns how many octets of it are left.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Dropped> {
        let ssrc = rtcp_source(packet).ok_or(Dropped::Malformed)?;
        let (packet, word, tag) = self.rtcp.rtcp_parts(packet).ok_or(Dropped::Malformed)?;
        if packet.len() < RTCP_CLEAR {
            return Err(Dropped::Malformed);
        }
        let number = u32::from_be_bytes(word);
        // Nobody agreed to RTCP in the clear.
        if number & ENCRYPTED == 0 {
            return Err(Dropped::Forged);
        }
        let index = u64::from(number & !ENCRYPTED);
        let known = self.streams.find(ssrc);
        if known.as_ref().is_some_and(|stream| !stream.rtcp.admits(index)) {
            return Err(Dropped::Replayed);
        }
        if !self.rtcp.open_rtcp(packet, word, tag, Place { ssrc, index }) {
            return Err(Dropped::Forged);
        }
        match known {
            Some(stream) => stream.rtcp.pass(index),
            None => {
                let mut rtcp = Window::default();
                rtcp.pass(index);
                self.streams.add(Stream { ssrc, rtp: Window::default(), rtcp });
            }
        }
        Ok(packet.len())
    }
}

/// Shows no key.
impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound")
            .field("keys", &self.keys)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
