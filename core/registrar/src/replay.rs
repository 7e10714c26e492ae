//! Replay protection for digest (RFC 7616 §5.12): which nonce counts were used, after right answers only.
//!
//! Bounded per address of record. When an entry must go, nonces made at or before its time are refused from then
//! on, so forgetting never opens a door.

use smallvec::SmallVec;

/// One use of a nonce, as it came in a request with a right response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceUse {
    /// When the nonce was made, in seconds.
    pub made_at: u32,
    /// Its proof part, shortened.
    pub nonce: u64,
    /// Nonce count; 0 when the client sent none.
    pub count: u32,
    /// Hash of Call-ID and CSeq: a retransmission is no replay.
    pub request: u64,
}

/// Uses remembered for one address of record.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    uses: SmallVec<[NonceUse; 1]>,
    floor: u32,
}

impl Replay {
    /// Whether this use is new; remembers it if so.
    pub fn admit(&mut self, used: NonceUse) -> bool {
        if let Some(known) = self.uses.iter_mut().find(|u| u.nonce == used.nonce && u.made_at == used.made_at)
        {
            if used.request == known.request {
                return true;
            }
            // Without qop there is no count to go by: the nonce's short life is all the protection there is.
            let fresh = used.count == 0 || used.count > known.count;
            if fresh {
                *known = used;
            }
            return fresh;
        }
        if used.made_at < self.floor {
            return false;
        }
        if self.uses.len() >= REMEMBERED {
            let oldest = self.uses.iter().enumerate().min_by_key(|(_, u)| u.made_at).map(|(i, _)| i);
            if let Some(gone) = oldest.map(|i| self.uses.swap_remove(i)) {
                self.floor = self.floor.max(gone.made_at);
            }
        }
        self.uses.push(used);
        true
    }
}

/// Devices of one person rarely exceed this; each uses one nonce at a time.
const REMEMBERED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_must_grow_retransmissions_pass_and_forgetting_is_safe() {
        let mut replay = Replay::default();
        let used = |made_at, nonce, count, request| NonceUse { made_at, nonce, count, request };
        assert!(replay.admit(used(10, 1, 1, 100)));
        assert!(replay.admit(used(10, 1, 1, 100)), "a retransmission");
        assert!(!replay.admit(used(10, 1, 1, 101)), "a replayed count");
        assert!(replay.admit(used(10, 1, 2, 102)));
        for i in 0..20 {
            assert!(replay.admit(used(20 + i, u64::from(i) + 2, 1, 200)));
        }
        assert!(!replay.admit(used(10, 1, 1, 101)), "forgotten, and refused for its age");
        assert!(!replay.admit(used(10, 1, 3, 103)), "even with a higher count");
    }
}
