//! The transport of a leg whose peer is a browser: what both descriptions say of it, and what the plane is told.
//!
//! RFC 8829 and RFC 8843 with one bundle; RFC 5763 §5 and RFC 8842 for the roles of DTLS; RFC 8839 §4.4 for restarts,
//! which are the browser's to begin. The peer's candidates are not read: we are ICE-lite, and it finds us.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};

use media::{Command, Credentials, EndId, Fingerprint, PayloadTypes, Peer};
use routing::config::Srtp;
use routing::reason::Reason;
use sdp::Description;
use sdp::webrtc::{self, Ours, Setup};
use sip_stack::Slot;
use sip_stack::transport::{Protocol, SharedMedia};

use super::Role;
use super::ends::end_id;
use super::protection::srtp;
use crate::call::Call;
use crate::leg::Leg;
use crate::means::Means;
use crate::talk::InDialog;

/// One transport and what was said of it.
#[derive(Clone, Debug)]
pub(crate) struct WebRtc {
    ours: Credentials,
    shared: SharedMedia,
    /// Names of the media, by m-line, as the peer gave them.
    mids: Vec<Vec<u8>>,
    /// The protocol that the peer writes.
    proto: Vec<u8>,
    /// The peer's name of its agent: another one is a restart.
    ufrag: Vec<u8>,
    /// Who the peer is; `None` until it has said so.
    peer: Option<Peer>,
    /// What the plane knows of the peer.
    told: Option<Peer>,
    /// The plane has to be told of new credentials.
    restarted: bool,
}

/// An offer to a peer that was not spoken to before gets a transport if its connection wants it, or it comes over
/// WebSocket: then it is a browser.
pub(super) fn offer_transport(leg: &mut Leg, call: Slot, means: &mut Means<'_>) -> Result<(), Reason> {
    let wanted = match srtp(leg) {
        Srtp::Auto => matches!(leg.dialog.flow.protocol, Protocol::Ws | Protocol::Wss),
        Srtp::Dtls => true,
        Srtp::Off | Srtp::Sdes | Srtp::SdesOptional => false,
    };
    if wanted && leg.media.webrtc.is_none() && !leg.media.is_negotiated() && leg.media.raw.is_empty() {
        leg.media.webrtc = Some(Box::new(WebRtc::new(leg, call, means)?));
    }
    Ok(())
}

/// Takes the transport off what a peer says, if it is a browser, and remembers it: what is left is `bare`. With `streams`,
/// what browsers tell each other stays.
pub(super) fn take_off(
    role: Role,
    (body, description): (&[u8], &Description<'_>),
    from: &mut Leg,
    streams: bool,
    call: Slot,
    means: &mut Means<'_>,
    bare: &mut Vec<u8>,
) -> Result<(), Reason> {
    if from.media.webrtc.is_none() {
        let may = from.media.inward || matches!(srtp(from), Srtp::Auto | Srtp::Dtls);
        if role == Role::Answer || !may || !webrtc::is_webrtc(description) {
            return Ok(());
        }
        if !from.media.inward {
            if from.media.is_negotiated() {
                // An end has ports of its own, or none, for as long as it lives.
                return Err(Reason::EncryptionMismatch);
            }
            from.media.webrtc = Some(Box::new(WebRtc::new(from, call, means)?));
        }
    }
    if let Some(webrtc) = &mut from.media.webrtc {
        webrtc.hear(description, role == Role::Offer, means)?;
    }
    *bare = webrtc::plain(body, description, streams);
    Ok(())
}

/// Remembers what a browser's answer says that goes no further.
pub(super) fn take_off_answer(
    description: &Description<'_>,
    from: &mut Leg,
    means: &mut Means<'_>,
) -> Result<(), Reason> {
    match &mut from.media.webrtc {
        Some(webrtc) => webrtc.hear(description, false, means),
        None => Ok(()),
    }
}

impl Call {
    /// Whether it tells of a candidate that was found late (RFC 8840 §4): the peer of a transport finds us, and to others
    /// addresses do not go.
    pub(crate) fn is_of_candidates(&mut self, event: &InDialog<'_, '_>) -> bool {
        let told = |kind: &[u8]| kind.trim_ascii().eq_ignore_ascii_case(b"application/trickle-ice-sdpfrag");
        event.request.content_type().is_some_and(told)
            && self.leg_mut(event.leg).is_some_and(|leg| !leg.media.bypass)
    }
}

impl WebRtc {
    fn new(leg: &Leg, call: Slot, means: &mut Means<'_>) -> Result<Self, Reason> {
        let number = end_id(means.shard, call, leg.number, 0).call();
        let mut shared =
            means.book.shared_media(number, leg.dialog.flow.remote.ip()).ok_or(Reason::NoMediaPort)?;
        let advertised = leg.connection.as_ref().and_then(|connection| connection.media.advertise);
        if let (Some(ip), Some(first)) = (advertised, shared.places.first_mut()) {
            first.set_ip(ip);
        }
        Ok(Self {
            ours: fresh(means),
            shared,
            mids: Vec::new(),
            proto: USUAL_PROTO.to_vec(),
            ufrag: Vec::new(),
            peer: None,
            told: None,
            restarted: false,
        })
    }

    /// Our default address and port.
    pub(super) fn place(&self) -> SocketAddr {
        self.shared.places.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 9)))
    }

    /// Takes in what the peer says; an answer cannot restart.
    fn hear(
        &mut self,
        description: &Description<'_>,
        is_offer: bool,
        means: &mut Means<'_>,
    ) -> Result<(), Reason> {
        let mut used = description.media().iter().filter(|medium| webrtc::is_used(medium)).peekable();
        if used.peek().is_none() {
            return Ok(());
        }
        let Some((medium, theirs)) = used.find_map(|medium| Some((medium, webrtc::transport(medium)?)))
        else {
            return Err(Reason::EncryptionMismatch);
        };
        let fingerprint = Fingerprint::parse(theirs.fingerprint).ok_or(Reason::EncryptionMismatch)?;
        // RFC 5763 §5: who leaves it to us may begin, since it knows first that a path works.
        let active = match theirs.setup {
            Setup::Active => false,
            Setup::Passive => true,
            Setup::ActPass => self.peer.is_some_and(|peer| peer.active),
        };
        self.peer = Some(Peer { fingerprint, active });
        if is_offer && !self.ufrag.is_empty() && self.ufrag != theirs.ufrag {
            self.ours = fresh(means);
            self.restarted = true;
        }
        self.ufrag = theirs.ufrag.to_vec();
        self.proto = medium.proto.to_vec();
        self.mids = webrtc::mids(description);
        Ok(())
    }

    /// A description with this transport in it.
    pub(super) fn write(&self, body: &[u8], is_offer: bool) -> Vec<u8> {
        let Ok(description) = Description::parse(body) else { return body.to_vec() };
        let candidates: Vec<(IpAddr, u16)> =
            self.shared.places.iter().map(|at| (at.ip(), at.port())).collect();
        let setup = match self.peer {
            _ if is_offer => Setup::ActPass,
            Some(Peer { active: true, .. }) => Setup::Active,
            _ => Setup::Passive,
        };
        let ours = Ours {
            ufrag: self.ours.ufrag_text(),
            password: self.ours.password_text(),
            fingerprint: &self.shared.fingerprint,
            setup,
            candidates: &candidates,
            streams: self.shared.streams,
            mids: &self.mids,
            proto: &self.proto,
        };
        webrtc::write(body, &description, &ours)
    }

    /// The ends are gone, and what the plane knew of them.
    pub(super) fn forget_told(&mut self) {
        self.told = None;
    }

    /// A description of ours, which may have been an offer, as an answer.
    pub(super) fn as_answer(&self, sent: &[u8]) -> Vec<u8> {
        let Ok(description) = Description::parse(sent) else { return sent.to_vec() };
        self.write(&webrtc::plain(sent, &description, true), false)
    }

    /// Opens an end; the first one of the leg has the transport, the others share it.
    pub(super) fn open(
        &self,
        end: EndId,
        head: Option<EndId>,
        inactivity: Option<Duration>,
        means: &mut Means<'_>,
    ) {
        means.media(Command::OpenShared { end, credentials: self.ours, bundle: head, inactivity });
    }

    /// Tells the plane what has become known since the last time, and which packets of a bundle are for which end: those
    /// whose types the peer's description `heard` names there.
    pub(super) fn tell(
        &mut self,
        head: EndId,
        ends: impl ExactSizeIterator<Item = EndId>,
        heard: &[u8],
        means: &mut Means<'_>,
    ) {
        if core::mem::take(&mut self.restarted) {
            means.media(Command::Restart { end: head, credentials: self.ours });
        }
        if self.peer != self.told
            && let Some(peer) = self.peer
        {
            self.told = self.peer;
            means.media(Command::Authenticate { end: head, peer });
        }
        let described = (ends.len() > 1).then(|| Description::parse(heard).ok()).flatten();
        let media = described.as_ref().map(Description::media).unwrap_or_default();
        for (end, medium) in ends.zip(media) {
            let payloads: PayloadTypes = medium.payload_types().collect();
            means.media(Command::Sort { end, payloads });
        }
    }
}

fn fresh(means: &mut Means<'_>) -> Credentials {
    Credentials::from_numbers(core::array::from_fn(|_| means.random.number()))
}

/// What browsers write.
const USUAL_PROTO: &[u8] = b"UDP/TLS/RTP/SAVPF";
