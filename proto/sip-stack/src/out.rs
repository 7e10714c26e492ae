//! Where machines put what they want done.

use timestamp::Timestamp;

use crate::timer::Timer;
use crate::transport::{Flow, Terms};

/// The caller-owned sink of every machine in this crate.
///
/// A message is written at the end of [`Out::buffer`] and then sent from where it began, so that building one
/// allocates nothing once the buffer has grown.
pub trait Out {
    /// The arena that messages are written to; only append.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Sends everything that was written to the buffer since `start`.
    fn send(&mut self, flow: Flow, start: usize);

    /// Says on what terms the stream of this number is opened when something is sent over it.
    fn reserve(&mut self, flow: Flow, terms: Terms);

    /// Asks to be called back. Timers are never cancelled: a machine ignores one that no longer fits.
    fn arm(&mut self, at: Timestamp, timer: Timer);
}
