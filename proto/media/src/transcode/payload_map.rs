//! Payload types of a relayed stream that the two ends count differently: a codec in common, numbers of their own
//! (RFC 3264 §5.1 lets an answer have other ones than the offer).

/// How numbers of one end are called at the other. At most four differ: a voice, its events, its noise and a rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadMap {
    pairs: [(u8, u8); 4],
    len: u8,
}

impl PayloadMap {
    /// Calls `from` by the name of `to`; a fifth is left as it is.
    pub fn insert(&mut self, from: u8, to: u8) {
        if from != to
            && let Some(pair) = self.pairs.get_mut(usize::from(self.len))
        {
            *pair = (from & 0x7f, to & 0x7f);
            self.len += 1;
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The second octet of an RTP packet as the other end wants it; `None` if it stays.
    #[inline]
    pub(crate) fn second(&self, second: u8) -> Option<u8> {
        let pairs = self.pairs.get(..usize::from(self.len)).unwrap_or_default();
        let (_, to) = pairs.iter().find(|(from, _)| *from == second & 0x7f)?;
        Some(second & 0x80 | to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_changes_and_the_marker_stays() {
        let mut map = PayloadMap::default();
        map.insert(8, 8);
        assert!(map.is_empty());
        map.insert(111, 96);
        map.insert(126, 101);
        for (second, wanted) in [(111, Some(96)), (0x80 | 126, Some(0x80 | 101)), (8, None), (96, None)] {
            assert_eq!(map.second(second), wanted);
        }
    }
}
