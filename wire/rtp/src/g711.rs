//! G.711: µ-law and A-law, to and from 16-bit linear samples.
//!
//! Decoding is by table, made at compile time; encoding is by search of the segment. Packet loss concealment
//! and comfort noise (the appendices) are not here.

/// The law of a G.711 stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// PCMA, static payload type 8.
    A,
    /// PCMU, static payload type 0.
    Mu,
}

impl Law {
    /// The law of a static payload type (RFC 3551 §6).
    pub const fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Mu),
            8 => Some(Self::A),
            _ => None,
        }
    }

    /// The static payload type.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::A => 8,
            Self::Mu => 0,
        }
    }

    /// The octet of a linear sample.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::A => encode_a(sample),
            Self::Mu => encode_mu(sample),
        }
    }

    /// The linear sample of an octet.
    pub const fn decode(self, octet: u8) -> i16 {
        match self {
            Self::A => A_LINEAR[octet as usize],
            Self::Mu => MU_LINEAR[octet as usize],
        }
    }
}

static A_LINEAR: [i16; 256] = table(Law::A);
static MU_LINEAR: [i16; 256] = table(Law::Mu);

const fn table(law: Law) -> [i16; 256] {
    let mut linear = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        linear[octet] = match law {
            Law::A => decode_a(octet as u8),
            Law::Mu => decode_mu(octet as u8),
        };
        octet += 1;
    }
    linear
}

/// Added before the search of the segment, so that segment ends are powers of two (14-bit scale, times four).
const MU_BIAS: i32 = 0x84;
/// The largest magnitude that the bias leaves room for.
const MU_CLIP: i32 = 32_635;

const fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (sample as i32).abs();
    let biased = if magnitude > MU_CLIP { MU_CLIP } else { magnitude } + MU_BIAS;
    let segment = 24 - biased.leading_zeros() as i32;
    let mantissa = (biased >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) | mantissa) as u8
}

const fn decode_mu(octet: u8) -> i16 {
    let bits = !octet as i32;
    let magnitude = ((((bits & 0x0f) << 3) + MU_BIAS) << ((bits >> 4) & 7)) - MU_BIAS;
    (if bits & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

/// Every second bit is inverted on the line.
const A_TOGGLE: i32 = 0x55;

const fn encode_a(sample: i16) -> u8 {
    // One's complement for negatives: the magnitude of −1 is 0, that of −32768 is 32767.
    let (sign, magnitude) = if sample < 0 { (0, !(sample as i32)) } else { (0x80, sample as i32) };
    let code = if magnitude < 256 {
        magnitude >> 4
    } else {
        let segment = 24 - magnitude.leading_zeros() as i32;
        (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f)
    };
    ((sign | code) ^ A_TOGGLE) as u8
}

const fn decode_a(octet: u8) -> i16 {
    let bits = octet as i32 ^ A_TOGGLE;
    let (segment, mantissa) = ((bits >> 4) & 7, bits & 0x0f);
    let magnitude =
        if segment == 0 { (mantissa << 4) + 8 } else { ((mantissa << 4) + 0x108) << (segment - 1) };
    (if bits & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}
