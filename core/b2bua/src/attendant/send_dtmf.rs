//! Keys that a flow presses towards its caller: telephone events where it has them (RFC 4733), tones in the audio where it
//! has none, INFO where its connection says so.

use core::time::Duration;

use callflow::{Outcome, Press, Told};
use media::{Command, Dtmf, Stroke};

use super::Doing;
use crate::anchor;
use crate::call::{Call, FORWARD};
use crate::digits::write_digit;
use crate::means::Means;

/// Keys that travel by INFO, the next one last.
#[derive(Debug)]
pub(super) struct Pressing {
    left: Vec<Stroke>,
}

impl Call {
    /// Begins to press them.
    pub(super) fn press(&mut self, press: &Press, means: &mut Means<'_>) -> Option<Told> {
        if !self.answered_by_flow(means) {
            return None;
        }
        self.hush(means);
        let strokes = strokes_of(press);
        let whole: u32 = strokes.iter().map(|stroke| stroke.ms + stroke.pause_ms).sum();
        let mut left = Vec::new();
        match anchor::played(&self.caller) {
            Some((_, format)) if format.dtmf == Dtmf::Info => left = strokes.into_iter().rev().collect(),
            Some((end, _)) => means.media(Command::Press { end, strokes: strokes.into() }),
            None => {}
        }
        let attendant = self.attendant.as_deref_mut()?;
        let by_info = !left.is_empty();
        attendant.doing = Doing::Pressing(Box::new(Pressing { left }));
        let until = if by_info { Duration::ZERO } else { Duration::from_millis(u64::from(whole)) };
        self.look_again(means.now + until, means);
        None
    }

    /// The next key is due, or all of them were pressed.
    pub(super) fn on_press_timer(&mut self, means: &mut Means<'_>) {
        let slot = self.slot;
        let next = self.attendant.as_deref_mut().and_then(|attendant| match &mut attendant.doing {
            Doing::Pressing(pressing) => pressing.left.pop(),
            _ => None,
        });
        let Some(stroke) = next else {
            self.hush(means);
            return self.tell_flow(Told::of(Outcome::DONE), means);
        };
        if let Some(key) = stroke.key {
            self.caller.request(b"INFO", slot, FORWARD, means, &mut |writer| {
                write_digit(writer, char::from(key), stroke.ms);
            });
        }
        let length = Duration::from_millis(u64::from(stroke.ms + stroke.pause_ms));
        self.look_again(means.now + length, means);
    }
}

fn strokes_of(press: &Press) -> Vec<Stroke> {
    let ms = |length: Duration| u32::try_from(length.as_millis()).unwrap_or(u32::MAX);
    let (tone, pause) = (ms(press.tone), ms(press.pause));
    let stroke = |key| match key {
        b'w' => Stroke { key: None, ms: WAIT_MS, pause_ms: 0 },
        key => Stroke { key: Some(key), ms: tone, pause_ms: pause },
    };
    press.digits.bytes().map(stroke).collect()
}

/// How long a `w` waits.
const WAIT_MS: u32 = 500;
