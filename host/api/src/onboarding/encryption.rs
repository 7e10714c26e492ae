//! What the other end is to do about encryption of media (RFC 4568, RFC 5763), so that it meets what we do.

use routing::config::Srtp;

use super::Facts;

/// How its media are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// Not at all.
    Never,
    /// By SDES where both sides have it: keys in RTP/AVP, which nobody has to take (RFC 8643).
    Offered,
    /// By SDES, or there is no call.
    Demanded,
    /// By DTLS, or there is no call.
    DemandedByDtls,
}

impl Facts<'_> {
    /// What fits the connection. Keys are offered of our own accord over TLS, where nobody reads them.
    pub(crate) fn encryption(&self) -> Encryption {
        match self.row.media.srtp {
            Srtp::Auto if self.transport == "tls" => Encryption::Offered,
            Srtp::Auto | Srtp::Off => Encryption::Never,
            Srtp::SdesOptional => Encryption::Offered,
            Srtp::Sdes => Encryption::Demanded,
            Srtp::Dtls => Encryption::DemandedByDtls,
        }
    }
}

impl Encryption {
    /// For whoever types it in.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Never => "none",
            Self::Offered => "SRTP (SDES), optional",
            Self::Demanded => "SRTP (SDES), mandatory",
            Self::DemandedByDtls => "SRTP (DTLS), mandatory",
        }
    }
}
