//! What a peer described of its media: where packets are wanted, which way they go, and what they are.
//!
//! RFC 3264 §5.1 and §6, RFC 3605 for the port of RTCP. What the plane is told of it is `describe`.

use std::net::SocketAddr;
use std::sync::Arc;

use media::{Command, EndId, Remote};
use routing::config::Latching;
use sdp::Direction;

use crate::leg::Leg;
use crate::means::Means;

/// Where the media of an m-line is wanted, and which way it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    direction: Direction,
    clock: u32,
    /// Whether it is a fax (ITU-T T.38).
    pub udptl: bool,
}

impl Described {
    /// An m-line as it stands.
    pub(super) fn of(media: &sdp::Media<'_>) -> Self {
        let held = media.is_held();
        let address = media.connection().filter(|ip| !ip.is_unspecified());
        let rtp = address.filter(|_| media.port != 0).map(|ip| SocketAddr::new(ip, media.port));
        let udptl = is_fax(media);
        let rtcp = match media.rtcp() {
            _ if udptl => None,
            _ if media.rtcp_mux() => rtp,
            Some((ip, port)) => ip.or(address).map(|ip| SocketAddr::new(ip, port)),
            None => rtp.and_then(|rtp| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))),
        };
        let clock = media.rtpmaps().find(|map| !sdp::is_companion(map.name)).map_or(8000, |map| map.clock);
        // RFC 3264 §6: of an m-line with port 0 nothing is awaited.
        let direction = if held || media.port == 0 { Direction::Inactive } else { media.direction() };
        Self { rtp, rtcp, direction, clock, udptl }
    }
}

/// Name of the first codec of an m-line, if it has one: some list the events of a voice before the voice.
pub(super) fn codec(media: &sdp::Media<'_>) -> Option<Arc<str>> {
    let mut voices =
        media.payload_types().filter(|&number| !media.encoding(number).is_some_and(sdp::is_companion));
    let name = media.encoding(voices.next()?)?;
    Some(String::from_utf8_lossy(name).to_ascii_lowercase().into())
}

/// Tells the plane what is known of the far side of an end; `others` is what the other leg described, if there is one.
pub(super) fn describe(
    leg: &Leg,
    end: EndId,
    theirs: Option<&Described>,
    others: Option<&Described>,
    renegotiated: bool,
    means: &mut Means<'_>,
) {
    let Some(theirs) = theirs else { return };
    let sends = matches!(theirs.direction, Direction::SendRecv | Direction::SendOnly);
    let receives = matches!(theirs.direction, Direction::SendRecv | Direction::RecvOnly);
    let wanted = others.is_none_or(|o| matches!(o.direction, Direction::SendRecv | Direction::RecvOnly));
    let latch = match leg.connection.as_ref().map(|c| c.media.nat) {
        Some(Latching::Always) => media::Latching::Always,
        Some(Latching::Never) => media::Latching::Never,
        Some(Latching::Auto) | None => media::Latching::Auto,
    };
    means.media(Command::Remote {
        end,
        remote: Remote {
            rtp: theirs.rtp,
            rtcp: theirs.rtcp,
            signalling: leg.dialog.flow.remote.ip(),
            latch,
            clock_rate: theirs.clock,
            // A fax machine is silent while it reads a page.
            sends: sends && wanted && !theirs.udptl,
            receives,
            renegotiated,
            udptl: theirs.udptl,
        },
    });
}

/// Audio and video by RTP, and fax (ITU-T T.38).
pub(super) fn is_carried(media: &sdp::Media<'_>) -> bool {
    media.is_rtp() || is_fax(media)
}

fn is_fax(media: &sdp::Media<'_>) -> bool {
    media.proto.eq_ignore_ascii_case(b"udptl")
}
