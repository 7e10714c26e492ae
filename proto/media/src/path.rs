//! Where the packets of an end go.

use crate::source::tone::Tone;

/// What is done with a packet that an end believes, and what the end hears.
#[derive(Clone, Debug, Default)]
pub(crate) enum Path {
    /// Counted and dropped; hears nothing.
    #[default]
    None,
    /// Back to where it came from, under our SSRC.
    Echo,
    /// To the end in this slot, untouched; hears that end.
    Relay {
        /// Slot of the peer.
        peer: u32,
    },
    /// Counted and dropped; hears a tone.
    Tone(Tone),
}
