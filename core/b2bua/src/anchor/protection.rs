//! How the media of a leg is protected, m-line by m-line, and what its connection wants (`media.srtp`).
//!
//! Each leg negotiates by itself: what one side offers decides nothing on the other, and no key of one side is ever
//! shown there. RFC 3264 for who says what, RFC 8643 for what is offered without being demanded; keys in descriptions
//! are the matter of `sdes`. A medium protected by DTLS (RFC 5763) passes as it is.

use media::{Command, EndId};
use routing::config::{Connection, Srtp};
use routing::reason::Reason;
use sdp::{Media, write_crypto};
use sip_stack::transport::Protocol;
use smallvec::SmallVec;
use srtp::Keys;

use super::sdes::{self, Ours};
use crate::leg::Leg;
use crate::means::Means;
use crate::random::Random;

/// The protection of one leg. Empty until something is to be protected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Protection {
    media: Vec<Medium>,
}

/// What offer and answer have said of one m-line.
#[derive(Clone, Debug, Default)]
struct Medium {
    method: Method,
    /// The transport in the descriptions of this leg.
    transport: Option<Transport>,
    /// Keys of ours that its peer was shown.
    ours: Ours,
    /// Our offer has an answer.
    answered: bool,
    /// What the plane was told.
    told: Option<(Keys, Keys)>,
}

/// How the packets of one m-line are protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Method {
    /// Not at all.
    #[default]
    None,
    /// By keys in the descriptions (RFC 4568).
    Sdes {
        /// The tag of the lines that were taken.
        tag: u32,
        /// What protects the peer's packets.
        inbound: Keys,
        /// What protects ours.
        outbound: Keys,
    },
    /// By keys agreed on in the media path (RFC 5763).
    Dtls,
}

/// What is offered to a peer that was not spoken to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing is protected.
    Clear,
    /// Keys in the description, to be taken or left (RFC 8643).
    Optional,
    /// Keys in the description, or no call.
    Mandatory,
}

/// The protocol of an m-line of RTP: RFC 3551, RFC 4585, RFC 3711, RFC 5124, RFC 5764.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transport {
    secure: bool,
    feedback: bool,
    dtls: bool,
}

/// What is written of one m-line.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The m-line is not for this leg.
    pub refused: bool,
    /// Its protocol, where that changes.
    pub proto: Option<&'static str>,
    /// Its `a=crypto` lines.
    pub lines: Vec<u8>,
}

impl Protection {
    /// Hears an offer of the peer's; says which of its media can be taken.
    pub(crate) fn hear_offer(&mut self, media: &[Media<'_>], srtp: Srtp, random: &mut Random) -> Taken {
        media
            .iter()
            .enumerate()
            .map(|(index, medium)| self.hear_offered(index, medium, srtp, random))
            .collect()
    }

    fn hear_offered(&mut self, index: usize, medium: &Media<'_>, srtp: Srtp, random: &mut Random) -> bool {
        let demanded = matches!(srtp, Srtp::Sdes | Srtp::Dtls);
        let Some(transport) = Transport::of(medium) else { return !demanded };
        if medium.port == 0 {
            return true;
        }
        if transport.dtls {
            if let Some(known) = self.at(index, matches!(srtp, Srtp::Auto | Srtp::Dtls)) {
                (known.method, known.transport) = (Method::Dtls, Some(transport));
            }
            return matches!(srtp, Srtp::Auto | Srtp::Dtls);
        }
        let wants = transport.secure || medium.cryptos().next().is_some();
        let may = matches!(srtp, Srtp::Auto | Srtp::SdesOptional | Srtp::Sdes);
        let Some(known) = self.at(index, wants && may) else {
            return !transport.secure && !demanded;
        };
        known.transport = Some(transport);
        known.answered = true;
        let agreed = match known.method {
            Method::Sdes { tag, .. } => Some(tag),
            Method::None | Method::Dtls => None,
        };
        let chosen = if may { sdes::choose(medium, agreed, &mut known.ours, random) } else { None };
        known.method = chosen.unwrap_or_default();
        known.method != Method::None || !transport.secure && !demanded
    }

    /// Hears an answer to our offer: whether it keeps what we demanded.
    pub(crate) fn hear_answer(&mut self, media: &[Media<'_>]) -> Result<(), Reason> {
        for (known, medium) in self.media.iter_mut().zip(media) {
            let Some(transport) = Transport::of(medium).filter(|_| medium.port != 0) else { continue };
            if transport.dtls || known.ours.is_empty() {
                continue;
            }
            known.answered = true;
            known.method = sdes::taken(medium, &known.ours).unwrap_or_default();
            let meant = known.transport.is_some_and(|ours| ours.secure) || medium.cryptos().next().is_some();
            if known.method == Method::None && meant {
                return Err(Reason::EncryptionMismatch);
            }
        }
        Ok(())
    }

    /// What our offer says of an m-line that the other side describes like this; `wanted` counts where nothing was said
    /// before.
    pub(crate) fn offer(
        &mut self,
        index: usize,
        theirs: &Media<'_>,
        wanted: Wanted,
        random: &mut Random,
    ) -> Written {
        let Some(source) = Transport::of(theirs) else {
            return Written { refused: wanted == Wanted::Mandatory, ..Written::default() };
        };
        if source.dtls {
            return Written { refused: wanted == Wanted::Mandatory, ..Written::default() };
        }
        self.offer_as(index, source, wanted, random)
    }

    fn offer_as(&mut self, index: usize, source: Transport, wanted: Wanted, random: &mut Random) -> Written {
        let Some(known) = self.at(index, wanted != Wanted::Clear) else {
            return Written::of(Transport { secure: false, ..source }, Vec::new());
        };
        let settled = known.answered && known.transport.is_some();
        if !settled && wanted != Wanted::Clear {
            known.transport.get_or_insert(Transport { secure: wanted == Wanted::Mandatory, ..source });
            if known.ours.is_empty() {
                known.ours = sdes::offered(random);
            }
        }
        known.write(source)
    }

    /// What an offer of our own making says of its one m-line.
    pub(crate) fn offer_audio(&mut self, wanted: Wanted, random: &mut Random) -> Written {
        self.offer_as(0, Transport::PLAIN, wanted, random)
    }

    /// What our answer says of an m-line that the other side describes like this.
    pub(crate) fn answer(&self, index: usize, theirs: &Media<'_>) -> Written {
        let Some(source) = Transport::of(theirs).filter(|source| !source.dtls) else {
            return Written::default();
        };
        match self.media.get(index) {
            Some(known) => known.write(source),
            None => Written::of(Transport { secure: false, ..source }, Vec::new()),
        }
    }

    /// Whether our last description shows keys that were not taken: an answer has those only that were.
    pub(crate) fn shows_more(&self) -> bool {
        self.media.iter().any(|known| known.ours.len() > 1 && matches!(known.method, Method::Sdes { .. }))
    }

    /// Forgets which of our keys were not taken.
    pub(crate) fn settle(&mut self) {
        for known in &mut self.media {
            if let Method::Sdes { tag, .. } = known.method {
                known.ours.retain(|(number, _)| *number == tag);
            }
        }
    }

    /// Tells the plane how to protect an end, if that changed; fax has no keys.
    pub(crate) fn tell(&mut self, index: usize, end: EndId, is_fax: bool, means: &mut Means<'_>) {
        let Some(known) = self.media.get_mut(index) else { return };
        let keys = match known.method {
            Method::Sdes { inbound, outbound, .. } if !is_fax => Some((inbound, outbound)),
            Method::Sdes { .. } | Method::None | Method::Dtls => None,
        };
        if keys == known.told {
            return;
        }
        known.told = keys;
        means.media(match keys {
            Some((inbound, outbound)) => Command::Protect { end, inbound, outbound },
            None => Command::Clear { end },
        });
    }

    /// The ends are gone, and what the plane knew of them.
    pub(crate) fn forget_told(&mut self) {
        self.media.iter_mut().for_each(|known| known.told = None);
    }

    /// What history calls it.
    pub(crate) fn name(&self) -> &'static str {
        let any = |wanted: fn(&Method) -> bool| self.media.iter().any(|known| wanted(&known.method));
        if any(|method| matches!(method, Method::Sdes { .. })) {
            "sdes"
        } else if any(|method| matches!(method, Method::Dtls)) {
            "dtls"
        } else {
            "none"
        }
    }

    /// The m-line, which is written down only if it is of interest or was before.
    fn at(&mut self, index: usize, of_interest: bool) -> Option<&mut Medium> {
        if of_interest && self.media.len() <= index {
            self.media.resize_with(index + 1, Medium::default);
        }
        self.media.get_mut(index)
    }
}

impl Medium {
    /// What a description of ours says of it; `source` is the transport of the description that passes.
    fn write(&self, source: Transport) -> Written {
        let transport = self.transport.unwrap_or(Transport { secure: false, ..source });
        let mut lines = Vec::new();
        let shown = |tag: u32| match self.method {
            Method::Sdes { tag: taken, .. } => tag == taken,
            Method::None | Method::Dtls => !self.answered,
        };
        for (tag, keys) in self.ours.iter().filter(|(tag, _)| shown(*tag)) {
            write_crypto(&mut lines, *tag, keys.profile().as_str(), keys.material());
        }
        Written::of(transport, lines)
    }
}

impl Written {
    fn of(transport: Transport, lines: Vec<u8>) -> Self {
        Self { refused: false, proto: Some(transport.as_str()), lines }
    }
}

impl Transport {
    const PLAIN: Self = Self { secure: false, feedback: false, dtls: false };

    /// That of a medium, if it is RTP.
    fn of(medium: &Media<'_>) -> Option<Self> {
        let (secure, feedback, dtls) = match medium.proto.to_ascii_uppercase().as_slice() {
            b"RTP/AVP" => (false, false, false),
            b"RTP/AVPF" => (false, true, false),
            b"RTP/SAVP" => (true, false, false),
            b"RTP/SAVPF" => (true, true, false),
            b"UDP/TLS/RTP/SAVP" => (true, false, true),
            b"UDP/TLS/RTP/SAVPF" => (true, true, true),
            _ => return None,
        };
        // Before RFC 5764 had its own names, a fingerprint told DTLS apart.
        let keyless = secure && !dtls && medium.cryptos().next().is_none();
        let dtls = dtls || keyless && medium.attribute(b"fingerprint").is_some();
        Some(Self { secure, feedback, dtls })
    }

    fn as_str(self) -> &'static str {
        match (self.secure, self.feedback) {
            (false, false) => "RTP/AVP",
            (false, true) => "RTP/AVPF",
            (true, false) => "RTP/SAVP",
            (true, true) => "RTP/SAVPF",
        }
    }
}

impl Wanted {
    /// What the connection of a leg wants, and how it is reached: keys are offered where nobody else reads them.
    pub(crate) fn of(leg: &Leg) -> Self {
        match srtp(leg) {
            Srtp::Auto if leg.media.is_negotiated() => Self::Clear,
            Srtp::Auto if leg.dialog.flow.protocol == Protocol::Tls => Self::Optional,
            Srtp::SdesOptional if !leg.media.is_negotiated() => Self::Optional,
            Srtp::Sdes => Self::Mandatory,
            Srtp::Auto | Srtp::Dtls | Srtp::Off | Srtp::SdesOptional => Self::Clear,
        }
    }
}

/// The setting of a leg's connection; to ourselves nothing is protected.
pub(crate) fn srtp(leg: &Leg) -> Srtp {
    let usual = if leg.media.inward { Srtp::Off } else { Srtp::Auto };
    leg.connection.as_ref().map_or(usual, |connection| connection.media.srtp)
}

/// Whether nothing may ever be in the clear with this connection.
pub(crate) fn is_demanded(connection: Option<&Connection>) -> bool {
    connection.is_some_and(|connection| connection.media.srtp == Srtp::Sdes)
}

/// Which media of an offer can be taken.
pub(crate) type Taken = SmallVec<[bool; 4]>;

#[cfg(test)]
mod tests;
