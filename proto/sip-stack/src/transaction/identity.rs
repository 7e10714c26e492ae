//! What makes two requests one transaction (RFC 3261 §17.2.3, §8.2.2.2), as a keyed 128-bit hash.
//!
//! The hash is seeded per process, so nobody outside can aim for a collision; nothing of the request is stored.

use core::hash::Hasher;

use sip_msg::Message;
use sip_msg::Method;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Identity of a transaction.
pub(crate) type Identity = u128;

/// Hashes requests into identities.
#[derive(Clone, Debug)]
pub(crate) struct Identities {
    seed: [u8; 16],
}

impl Identities {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self { seed }
    }

    /// The transaction that a request belongs to; an ACK that of its INVITE, with `method` given by the caller.
    pub(crate) fn of(&self, request: &Message<'_>, method: Method) -> Identity {
        let mut hash = Hash(SipHasher13::new_with_key(&self.seed));
        hash.part(method.as_str().as_bytes());
        if method == Method::Unknown {
            hash.part(request.cseq().map_or(b"".as_slice(), |(_, token)| token));
        }
        let via = request.via();
        let branch = via.as_ref().and_then(|v| v.branch()).unwrap_or_default();
        if branch.len() > MAGIC.len() && branch.starts_with(MAGIC) {
            hash.part(branch);
            if let Some(via) = via {
                hash.part(via.host);
                hash.number(u32::from(via.port.unwrap_or(0)));
            }
        } else {
            // RFC 2543 peers: Request-URI, From tag, Call-ID, CSeq and the top Via. The To tag is left out, since
            // the ACK carries the one that we gave.
            hash.part(request.uri());
            hash.part(request.call_id());
            hash.part(request.from().and_then(|f| f.tag()).unwrap_or_default());
            hash.number(request.cseq().map_or(0, |(number, _)| number));
            hash.part(via.map_or(b"".as_slice(), |v| v.host));
        }
        hash.finish()
    }

    /// The request itself, whatever path it took: equal for copies that arrive by several branches.
    pub(crate) fn merged(&self, request: &Message<'_>) -> Identity {
        let mut hash = Hash(SipHasher13::new_with_key(&self.seed));
        hash.part(b"merged");
        hash.part(request.call_id());
        hash.part(request.from().and_then(|f| f.tag()).unwrap_or_default());
        hash.number(request.cseq().map_or(0, |(number, _)| number));
        hash.finish()
    }
}

struct Hash(SipHasher13);

impl Hash {
    fn part(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.0.write_u8(0xff);
    }

    fn number(&mut self, n: u32) {
        self.0.write_u32(n);
    }

    fn finish(self) -> Identity {
        self.0.finish128().as_u128()
    }
}

const MAGIC: &[u8] = b"z9hG4bK";
