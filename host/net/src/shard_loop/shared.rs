//! The ports that WebRTC transports share: one a media worker, from the end of the shard's media ports, and the
//! certificate that is shown there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use media::Identity;
use tracing::warn;

use crate::clock::Clock;
use crate::media_loop::MediaWorker;

/// Where the shared sockets of a shard's workers are.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPorts {
    bound: Vec<Option<SocketAddr>>,
    fingerprint: [u8; 32],
}

impl SharedPorts {
    pub(super) fn of(workers: &[MediaWorker], identity: Option<&Identity>) -> Self {
        let fingerprint = identity.and_then(|identity| identity.fingerprint().octets().try_into().ok());
        Self {
            bound: workers.iter().map(MediaWorker::shared).collect(),
            fingerprint: fingerprint.unwrap_or_default(),
        }
    }

    /// The socket of the worker that has a call, by the upper half of the names of its ends.
    pub(super) fn of_call(&self, call: u32) -> Option<(SocketAddr, [u8; 32])> {
        let worker = call as usize % self.bound.len().max(1);
        Some(((*self.bound.get(worker)?)?, self.fingerprint))
    }
}

/// What is shown to peers of all shards. Without it there is no WebRTC, and everything else goes on.
pub(super) fn identity(clock: Clock) -> Option<Identity> {
    let made = certificates::make_for_media().map_err(|problem| problem.to_string());
    let identity = made.and_then(|(certificate, key)| {
        Identity::new(certificate, key, (clock.now(), Instant::now())).map_err(|fault| fault.0)
    });
    identity.inspect_err(|why| warn!(%why, "browsers cannot be reached by media")).ok()
}

/// Takes the last port off a range that is free and leaves enough to others; what does not fit is any free port.
pub(super) fn reserve(media: Option<IpAddr>, ports: &mut (u16, u16)) -> SocketAddr {
    let ip = media.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    for _ in 0..TRIES {
        let (first, last) = *ports;
        let port = last.saturating_sub(1) & !1;
        if port < first.saturating_add(ENOUGH) {
            break;
        }
        ports.1 = port - 1;
        if UdpSocket::bind(SocketAddr::new(ip, port)).is_ok() {
            return SocketAddr::new(ip, port);
        }
    }
    SocketAddr::new(ip, 0)
}

/// Ports of a shard below which none is taken away.
const ENOUGH: u16 = 64;

/// Other programs may sit in the range.
const TRIES: usize = 16;
