//! HMAC-SHA1 (RFC 2104) with a key that is hashed once: what is left of it per packet is the packet.

use sha1::block_api::compress;

/// The states of both hashes after the key.
#[derive(Clone)]
pub(crate) struct Mac {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl Mac {
    pub(crate) fn new(key: &[u8; 20]) -> Self {
        let begun = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(octet, key)| *octet ^= key);
            let mut state = START;
            compress(&mut state, &[block]);
            state
        };
        Self { inner: begun(0x36), outer: begun(0x5c) }
    }

    /// The code of `message` and, behind it, `rest`: the rollover counter of RTP, the index of RTCP.
    pub(crate) fn of(&self, message: &[u8], rest: [u8; 4]) -> [u8; DIGEST] {
        let (blocks, tail) = message.as_chunks();
        let mut state = self.inner;
        compress(&mut state, blocks);
        let mut last = [[0; BLOCK]; 2];
        let open = last.as_flattened_mut();
        let (whole, open) = open.split_at_mut(tail.len());
        whole.copy_from_slice(tail);
        let (behind, open) = open.split_at_mut(rest.len());
        behind.copy_from_slice(&rest);
        if let Some(end) = open.first_mut() {
            *end = 0x80;
        }
        let hashed = BLOCK + message.len() + rest.len();
        close(&mut state, &mut last, tail.len() + rest.len(), hashed);
        let mut digest = [[0; BLOCK]; 2];
        digest.as_flattened_mut().iter_mut().zip(octets(state)).for_each(|(to, octet)| *to = octet);
        if let Some(end) = digest.as_flattened_mut().get_mut(DIGEST) {
            *end = 0x80;
        }
        let mut state = self.outer;
        close(&mut state, &mut digest, DIGEST, BLOCK + DIGEST);
        octets(state)
    }
}

/// Hashes what is left, of which `used` octets are taken, and the length of everything (RFC 3174 §4).
#[inline]
fn close(state: &mut [u32; 5], last: &mut [[u8; BLOCK]; 2], used: usize, hashed: usize) {
    let count = if used + 9 > BLOCK { 2 } else { 1 };
    let blocks = last.split_at_mut(count).0;
    if let Some(length) = blocks.last_mut().and_then(|block| block.last_chunk_mut()) {
        *length = (8 * hashed as u64).to_be_bytes();
    }
    compress(state, blocks);
}

fn octets(state: [u32; 5]) -> [u8; DIGEST] {
    let mut octets = [0; DIGEST];
    let (words, _) = octets.as_chunks_mut();
    words.iter_mut().zip(state).for_each(|(to, word)| *to = word.to_be_bytes());
    octets
}

const BLOCK: usize = 64;
const DIGEST: usize = 20;
/// RFC 3174 §6.1.
const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

#[cfg(test)]
mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    #[test]
    fn it_is_hmac_whatever_the_length() {
        let key: [u8; 20] = core::array::from_fn(|n| n as u8 * 7);
        let message: Vec<u8> = (0..300u32).map(|n| n as u8).collect();
        let padded =
            |pad: u8| (0..64).map(move |n| pad ^ key.get(n).copied().unwrap_or(0)).collect::<Vec<u8>>();
        let expected = |message: &[u8]| -> [u8; 20] {
            let inner = Sha1::digest([&padded(0x36), message].concat());
            Sha1::digest([&padded(0x5c), inner.as_slice()].concat()).into()
        };
        let mac = Mac::new(&key);
        for len in 0..message.len() {
            let message = &message[..len];
            assert_eq!(mac.of(message, [9, 8, 7, 6]), expected(&[message, &[9, 8, 7, 6]].concat()), "{len}");
        }
    }

    /// RFC 2202 §3, the first case.
    #[test]
    fn the_published_code() {
        let code = Mac::new(&[0x0b; 20]).of(b"Hi T", *b"here");
        assert_eq!(code[..4], [0xb6, 0x17, 0x31, 0x86]);
        assert_eq!(code[16..], [0xf1, 0x46, 0xbe, 0x00]);
    }
}
