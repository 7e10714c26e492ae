//! Where a source stands: how often its sequence number has rolled over, and which packets have come (RFC 3711 §3.3).
//!
//! ```text
//!   index = 65536 × rollover counter + sequence number
//!   too late │ 128 packets up to the highest, each seen or not │ not seen yet
//! ```

/// The packets of one source that have passed: its state as plain data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The highest index that passed; none if none did.
    pub highest: Option<u64>,
    /// Which of the 128 indices up to the highest passed, that one in the lowest bit.
    pub seen: u128,
}

impl Window {
    /// The index that a packet with this sequence number most likely has (§3.3.1, appendix A): the nearest to the
    /// highest one.
    pub(crate) fn index_of(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else { return sequence.into() };
        let distance = sequence.wrapping_sub(highest as u16).cast_signed();
        match highest.checked_add_signed(distance.into()) {
            // Halfway round the rollover counter stays.
            Some(index) if distance != i16::MIN => index,
            _ => highest & !0xffff | u64::from(sequence),
        }
    }

    /// Whether the packet with this index may still pass (§3.3.2).
    pub(crate) fn admits(&self, index: u64) -> bool {
        match self.highest.and_then(|highest| highest.checked_sub(index)) {
            None => true,
            Some(age) => age < WIDTH && self.seen >> age & 1 == 0,
        }
    }

    /// Takes note of a packet that passed.
    pub(crate) fn pass(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                if let Some(bit) = 1u128.checked_shl(u32::try_from(highest - index).unwrap_or(u32::MAX)) {
                    self.seen |= bit;
                }
            }
            highest => {
                let step = highest.map_or(WIDTH, |highest| index - highest);
                let kept = u32::try_from(step).ok().and_then(|step| self.seen.checked_shl(step));
                self.seen = kept.unwrap_or(0) | 1;
                self.highest = Some(index);
            }
        }
    }
}

const WIDTH: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_nearest_index_is_the_likely_one() {
        let table = [
            (None, 0xfff0, 0xfff0),
            (Some(10), 11, 11),
            (Some(0xffff), 0, 0x1_0000),
            (Some(0xfffe), 3, 0x1_0003),
            (Some(0x1_0003), 0xfffe, 0xfffe),
            (Some(3), 0xfffe, 0xfffe),
            (Some(0x5_0000), 0x7fff, 0x5_7fff),
            (Some(0x5_0000), 0x8001, 0x4_8001),
            (Some(0x5_8000), 0x0000, 0x5_0000),
            (Some(0x5_8001), 0x0000, 0x6_0000),
        ];
        for (highest, sequence, index) in table {
            assert_eq!(Window { highest, seen: 1 }.index_of(sequence), index, "{highest:x?} {sequence:x}");
        }
    }

    #[test]
    fn each_index_passes_once_and_within_128() {
        let mut window = Window::default();
        for index in [1000, 1001, 999, 1200, 1073, 1199] {
            assert!(window.admits(index), "{index}");
            window.pass(index);
            assert!(!window.admits(index), "{index} again");
        }
        for late in [1072, 1000, 0] {
            assert!(!window.admits(late), "{late}");
        }
        assert!(window.admits(1074) && window.admits(9_000_000));
        window.pass(9_000_000);
        assert!(!window.admits(1200) && window.admits(8_999_999));
    }

    proptest! {
        /// The estimate as appendix A writes it.
        #[test]
        fn the_estimate_is_that_of_the_standard(highest in 0..1u64 << 40, sequence: u16) {
            let (rollover, last) = (highest >> 16, (highest & 0xffff) as i64);
            let ahead = i64::from(sequence) - last;
            let guess = match last < 32_768 {
                true if ahead > 32_768 => rollover.checked_sub(1).unwrap_or(rollover),
                false if last - 32_768 > i64::from(sequence) => rollover + 1,
                _ => rollover,
            };
            let window = Window { highest: Some(highest), seen: 1 };
            prop_assert_eq!(window.index_of(sequence), guess << 16 | u64::from(sequence));
        }

        #[test]
        fn it_remembers_like_a_set(indices in prop::collection::vec(0..400u64, 0..200)) {
            let (mut window, mut passed) = (Window::default(), std::collections::BTreeSet::new());
            for index in indices {
                let late = passed.last().is_some_and(|&highest: &u64| index + 128 <= highest);
                prop_assert_eq!(window.admits(index), !late && !passed.contains(&index));
                if window.admits(index) {
                    window.pass(index);
                    passed.insert(index);
                }
            }
        }
    }
}
