//! The ports that WebRTC transports share: one a media worker, from the end of the shard's media ports, and the
//! certificate that is shown there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use media::Identity;
use tracing::warn;

use super::workers::worker_of_call;
use crate::clock::Clock;
use crate::media_loop::MediaWorker;
use crate::media_streams::MediaDoor;

/// Where the shared sockets of a shard's workers are.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPorts(Vec<Option<SharedPort>>);

/// The shared socket of a worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedPort {
    pub(super) bound: SocketAddr,
    /// Whether a TCP socket listens beside it.
    pub(super) streams: bool,
    pub(super) fingerprint: [u8; 32],
}

impl SharedPorts {
    /// Those of these workers; where streams to them come is put to `doors`.
    pub(super) fn of(
        workers: &[MediaWorker],
        identity: Option<&Identity>,
        doors: &mut Vec<MediaDoor>,
    ) -> Self {
        let fingerprint = identity.and_then(|identity| identity.fingerprint().octets().try_into().ok());
        let fingerprint = fingerprint.unwrap_or_default();
        let port = |worker: &MediaWorker| {
            let bound = worker.shared()?;
            let door = MediaDoor::beside(bound);
            let streams = door.is_some();
            doors.extend(door);
            Some(SharedPort { bound, streams, fingerprint })
        };
        Self(workers.iter().map(port).collect())
    }

    /// The socket of the worker that has a call, by the upper half of the names of its ends.
    pub(super) fn of_call(&self, call: u32) -> Option<SharedPort> {
        *self.0.get(worker_of_call(call, self.0.len()))?
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
