//! How loud an end is, and whether somebody talks there.

/// The loudness of an end, tick by tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    /// Mean square of the last ticks, decaying.
    smooth: u32,
    /// Loud ticks in a row while it is silent, or quiet ones while it talks.
    run: u8,
    talks: bool,
}

impl Level {
    /// A tick was heard; whether somebody began to talk or stopped.
    pub(super) fn hear(&mut self, frame: &[i16]) -> Option<bool> {
        let power = mean_square(frame);
        self.smooth = power.max(self.smooth - self.smooth / 4);
        let changes = (power >= TALK) != self.talks;
        self.run = if changes { self.run + 1 } else { 0 };
        let patience = if self.talks { QUIET_TICKS } else { LOUD_TICKS };
        if self.run < patience {
            return None;
        }
        (self.talks, self.run) = (!self.talks, 0);
        Some(self.talks)
    }

    /// How loud it is for the choice of whom to hear; none if it is not worth hearing.
    pub(super) fn loudness(self) -> Option<u32> {
        (self.smooth >= IDLE).then_some(self.smooth)
    }
}

fn mean_square(frame: &[i16]) -> u32 {
    let power: u64 = frame.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
    u32::try_from(power / (frame.len() as u64).max(1)).unwrap_or(u32::MAX)
}

/// Idle noise of a codec (±8) and of a microphone that is off.
const IDLE: u32 = 24 * 24;
/// Somebody talks: −44 dB below the loudest.
const TALK: u32 = 200 * 200;
/// A click is no talk.
const LOUD_TICKS: u8 = 3;
/// A pause between words is no silence.
const QUIET_TICKS: u8 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_told_when_it_begins_and_when_it_is_over() {
        let mut level = Level::default();
        let (quiet, loud) = ([5i16; 160], [1_000i16; 160]);
        let mut told = Vec::new();
        let frames =
            [(&quiet, 10), (&loud, 2), (&quiet, 10), (&loud, 50), (&quiet, 20), (&loud, 1), (&quiet, 60)];
        for (tick, frame) in frames.iter().flat_map(|(frame, times)| vec![frame; *times]).enumerate() {
            told.extend(level.hear(&frame[..]).map(|talks| (tick, talks)));
        }
        assert_eq!(told, [(24, true), (117, false)]);
        assert_eq!(level.loudness(), None);
    }
}
