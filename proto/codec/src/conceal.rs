//! Packet loss concealment for codecs that have none: the last pitch period goes on and fades (after ITU-T G.711
//! appendix I).
//!
//! Unlike there nothing is delayed: the seam at the beginning is where one period ends and the next begins, and the seam
//! at the end is faded over. After 60 ms there is silence.

use crate::codec::Rate;

/// What was heard last, and how long nothing was.
#[derive(Debug)]
pub(crate) struct Concealment {
    rate: Rate,
    past: Vec<i16>,
    /// The period that goes on, while something is missing.
    period: Option<usize>,
    /// Where in it we are.
    at: usize,
    /// Samples made since the loss.
    made: usize,
}

impl Concealment {
    /// Nothing was heard yet.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, past: vec![0; PAST_MS * rate.per_ms()], period: None, at: 0, made: 0 }
    }

    /// A good frame: the first one after a loss is faded into.
    pub(crate) fn on_heard(&mut self, frame: &mut [i16]) {
        if self.period.is_some() {
            let fade = frame.len().min(FADE_MS * self.rate.per_ms());
            for (n, sample) in frame.iter_mut().take(fade).enumerate() {
                let made = i32::from(self.next());
                let (new, old) = (n as i32 + 1, (fade - n) as i32 - 1);
                *sample = ((i32::from(*sample) * new + made * old) / fade as i32) as i16;
            }
            self.period = None;
        }
        self.remember(frame);
    }

    /// Appends samples for what is missing.
    pub(crate) fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        if self.period.is_none() {
            self.period = Some(self.pitch());
            (self.at, self.made) = (0, 0);
        }
        out.extend((0..samples).map(|_| self.next()));
    }

    fn remember(&mut self, frame: &[i16]) {
        let keep = self.past.len();
        if let Some(newest) = frame.len().checked_sub(keep).and_then(|start| frame.get(start..)) {
            self.past.copy_from_slice(newest);
            return;
        }
        self.past.copy_within(frame.len().., 0);
        if let Some(end) = self.past.get_mut(keep - frame.len()..) {
            end.copy_from_slice(frame);
        }
    }

    /// The next sample of the period that goes on, ever fainter from the second ten milliseconds on.
    fn next(&mut self) -> i16 {
        let period = self.period.unwrap_or(1);
        let sample = self.past.get(self.past.len() - period + self.at).copied().unwrap_or(0);
        self.at = (self.at + 1) % period;
        let (flat, all) = (FLAT_MS * self.rate.per_ms(), SILENT_MS * self.rate.per_ms());
        let left = all.saturating_sub(self.made.max(flat));
        self.made += 1;
        (i64::from(sample) * left as i64 / (all - flat) as i64) as i16
    }

    /// The lag at which the last samples resemble those before them most: 5 to 15 ms, 66 to 200 Hz.
    fn pitch(&self) -> usize {
        let per_ms = self.rate.per_ms();
        let look = LOOK_MS * per_ms;
        let likeness = |lag: usize, step: usize| {
            let newest = self.past.get(self.past.len() - look..).unwrap_or_default();
            let before = self.past.get(self.past.len() - look - lag..).unwrap_or_default();
            let (mut product, mut power) = (0.0f32, 1.0f32);
            for (&a, &b) in newest.iter().zip(before).step_by(step) {
                product += f32::from(a) * f32::from(b);
                power += f32::from(b) * f32::from(b);
            }
            product / power.sqrt()
        };
        let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
            lags.map(|lag| (lag, likeness(lag, step))).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(lag, _)| lag)
        };
        let (shortest, longest) = (SHORTEST_MS * per_ms, LONGEST_MS * per_ms);
        // Roughly first, then all around that.
        let rough = best(&mut (shortest..=longest).step_by(per_ms / 4), 2).unwrap_or(shortest);
        let around = rough.saturating_sub(per_ms / 4).max(shortest)..=(rough + per_ms / 4).min(longest);
        best(&mut around.into_iter(), 1).unwrap_or(rough)
    }
}

/// What is remembered: the longest lag and what is compared.
const PAST_MS: usize = LONGEST_MS + LOOK_MS;
const LOOK_MS: usize = 20;
const SHORTEST_MS: usize = 5;
const LONGEST_MS: usize = 15;
/// Made samples are as loud as what they repeat for so long, and silent after this.
const FLAT_MS: usize = 10;
const SILENT_MS: usize = 60;
/// What was made goes on into the first good frame for so long.
const FADE_MS: usize = 4;
