//! Which codecs there are, and what they are called in a session description (RFC 3551, RFC 7587).

/// A codec of speech, in the order in which they sound good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Opus, RFC 7587.
    Opus,
    /// G.722 at 64 kbit/s.
    G722,
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcma, Self::Pcmu];

    /// The codec of an encoding name, in whatever case.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The codec of a static payload type (RFC 3551 §6).
    pub const fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            _ => None,
        }
    }

    /// Its static payload type.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Opus => None,
            Self::G722 => Some(9),
            Self::Pcma => Some(8),
            Self::Pcmu => Some(0),
        }
    }

    /// Its name, in the lower case of configuration and history.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "g722",
            Self::Pcma => "pcma",
            Self::Pcmu => "pcmu",
        }
    }

    /// The value of `a=rtpmap` after the payload type.
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::G722 => "G722/8000",
            Self::Pcma => "PCMA/8000",
            Self::Pcmu => "PCMU/8000",
        }
    }

    /// The clock of its RTP timestamps; that of G.722 is wrong for ever (RFC 3551 §4.5.2).
    pub const fn clock(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcma | Self::Pcmu => 8_000,
        }
    }

    /// The rate at which it sounds best.
    pub const fn rate(self) -> Rate {
        match self {
            Self::Opus | Self::G722 => Rate::Wide,
            Self::Pcma | Self::Pcmu => Rate::Narrow,
        }
    }

    /// The rate at which it is spoken with, when the other end is `other`.
    pub const fn rate_towards(self, other: Self) -> Rate {
        match (self, other) {
            (Self::Pcma | Self::Pcmu, _) | (Self::Opus, Self::Pcma | Self::Pcmu) => Rate::Narrow,
            (Self::Opus | Self::G722, _) => Rate::Wide,
        }
    }
}

/// Samples per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// 8000, the telephone.
    Narrow,
    /// 16 000.
    Wide,
}

impl Rate {
    /// The number.
    pub const fn hz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }

    /// Samples in a millisecond.
    pub const fn per_ms(self) -> usize {
        match self {
            Self::Narrow => 8,
            Self::Wide => 16,
        }
    }
}
