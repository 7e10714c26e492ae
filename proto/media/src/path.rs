//! Where the packets of an end go.

use crate::mixing::Seat;
use crate::source::player::Player;
use crate::transcode::{PayloadMap, Translator};

/// What is done with a packet that an end believes, and what the end hears.
#[derive(Debug, Default)]
pub(crate) enum Path {
    /// Counted and dropped; hears nothing.
    #[default]
    None,
    /// Back to where it came from, under our SSRC.
    Echo,
    /// To the end in this slot, which sends in the clear; hears that end.
    Relay {
        /// Slot of the peer.
        peer: u32,
        /// Payload types that are called otherwise there.
        map: PayloadMap,
    },
    /// To the end in this slot, which protects what it sends; hears that end.
    Sealed {
        /// Slot of the peer.
        peer: u32,
        /// Payload types that are called otherwise there.
        map: PayloadMap,
    },
    /// To the end in this slot, as a stream of ours; hears that end's.
    Transcode {
        /// Slot of the peer.
        peer: u32,
        /// The conversion.
        translator: Box<Translator>,
    },
    /// To the others in its room; hears them.
    Mix(Box<Seat>),
    /// Counted and dropped; hears what is played.
    Player(Box<Player>),
}

impl Path {
    /// Slot of the end that it leads to.
    pub(crate) fn peer(&self) -> Option<u32> {
        match *self {
            Self::Relay { peer, .. } | Self::Sealed { peer, .. } | Self::Transcode { peer, .. } => Some(peer),
            Self::None | Self::Echo | Self::Mix(_) | Self::Player(_) => None,
        }
    }

    /// What it converts with.
    pub(crate) fn translator(&mut self) -> Option<&mut Translator> {
        match self {
            Self::Transcode { translator, .. } => Some(translator),
            Self::None
            | Self::Echo
            | Self::Mix(_)
            | Self::Player(_)
            | Self::Relay { .. }
            | Self::Sealed { .. } => None,
        }
    }
}
