//! Media over TCP, for browsers whose network lets no UDP through: the passive side of RFC 6544, framed as RFC 4571 says.
//!
//! A TCP socket listens on the number of each shared port. A stream that comes there is a way to that port: its frames
//! go there as datagrams, from a socket of the stream's own, and what comes back is framed. The plane sees a source like
//! any other, which checks have to prove (RFC 8445 §7.3); nothing but lengths is read here. A stream that the plane
//! does not answer for half a minute is closed: consent is asked for every few seconds (RFC 7675 §5.1).
//!
//! ```text
//!  browser ══ TCP ══► stream ── UDP on loopback ──► shared port of a media worker
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The thread that carries media over TCP; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct MediaStreams {
    /// Dropped to stop.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MediaStreams {
    /// Takes streams to these shared ports.
    pub(crate) fn start(doors: Vec<MediaDoor>) -> io::Result<Self> {
        let (running, stopped) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = Builder::new().name("media-streams".to_owned()).spawn(move || {
            runtime.block_on(async {
                let seats = Arc::<Seats>::default();
                let mut open = JoinSet::new();
                for door in doors {
                    open.spawn(door.serve(Arc::clone(&seats)));
                }
                // Its end is that the other side is dropped.
                let _ = stopped.await;
            });
        })?;
        Ok(Self { running: Some(running), thread: Some(thread) })
    }
}

impl Drop for MediaStreams {
    fn drop(&mut self) {
        self.running = None;
        // A thread that panicked has already said why.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Where streams to one shared port come.
#[derive(Debug)]
pub(crate) struct MediaDoor {
    listener: std::net::TcpListener,
    shared: SocketAddr,
}

impl MediaDoor {
    /// Listens on the number of a shared port; `None` if somebody else does.
    pub(crate) fn beside(shared: SocketAddr) -> Option<Self> {
        let listener = std::net::TcpListener::bind(shared).ok()?;
        listener.set_nonblocking(true).ok()?;
        Some(Self { listener, shared })
    }

    async fn serve(self, seats: Arc<Seats>) {
        let Ok(listener) = TcpListener::from_std(self.listener) else { return };
        let mut streams = JoinSet::new();
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    if let Some(seat) = Seat::take(&seats, from.ip().to_canonical()) {
                        let shared = self.shared;
                        streams.spawn(async move {
                            // However a stream ends, it is over; the plane misses its checks.
                            let _ = carry(stream, shared).await;
                            drop(seat);
                        });
                    }
                }
                // No descriptor is free: those who have some give them back.
                Err(_) => sleep(PAUSE).await,
            }
            while streams.try_join_next().is_some() {}
        }
    }
}

/// Moves frames one way and datagrams the other, until one side has enough.
async fn carry(mut stream: TcpStream, shared: SocketAddr) -> io::Result<()> {
    let near = near(shared.ip());
    let socket = UdpSocket::bind(SocketAddr::new(near, 0)).await?;
    socket.connect(SocketAddr::new(near, shared.port())).await?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.split();
    let mut came = Frames::default();
    let mut answer = [0; 2 + LONGEST];
    let mut answered = Instant::now();
    loop {
        tokio::select! {
            read = reader.read(came.room()) => {
                if !came.grow(read?) {
                    return Ok(());
                }
                while let Some(frame) = came.next()? {
                    // What does not arrive is lost, as on any way.
                    let _ = socket.send(frame).await;
                }
            }
            got = socket.recv(&mut answer[2..]) => {
                // A port that was not there yet is told as an error, and is no end.
                let Ok(len) = got else { continue };
                let Ok(length) = u16::try_from(len) else { continue };
                answered = Instant::now();
                answer[..2].copy_from_slice(&length.to_be_bytes());
                let frame = answer.get(..2 + len).unwrap_or_default();
                timeout(SLOW, writer.write_all(frame)).await??;
            }
            () = sleep_until(answered + SILENCE) => return Ok(()),
        }
    }
}

/// What came of a stream and is not passed on.
#[derive(Debug)]
struct Frames {
    bytes: Box<[u8]>,
    /// From where to where there is something.
    start: usize,
    end: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self { bytes: vec![0; 2 * (2 + LONGEST)].into(), start: 0, end: 0 }
    }
}

impl Frames {
    /// Where to read to; there is always room, since a whole frame does not stay.
    fn room(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// So much was read; `false` at the end.
    fn grow(&mut self, len: usize) -> bool {
        self.end += len;
        len > 0
    }

    /// The next whole frame; an error if it is longer than any that is meant for us.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let Some([high, low, rest @ ..]) = self.bytes.get(self.start..self.end) else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if rest.len() < len {
            return Ok(None);
        }
        self.start += 2 + len;
        Ok(rest.get(..len))
    }
}

/// The address of a shared port as this machine reaches it.
fn near(shared: IpAddr) -> IpAddr {
    match shared {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        known => known,
    }
}

/// How many streams there are, by source.
#[derive(Debug, Default)]
struct Seats(Mutex<(usize, HashMap<IpAddr, usize>)>);

/// A place among the streams; given back when dropped.
#[derive(Debug)]
struct Seat {
    seats: Arc<Seats>,
    source: IpAddr,
}

impl Seat {
    fn take(seats: &Arc<Seats>, source: IpAddr) -> Option<Self> {
        let mut taken = seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_source) = &mut *taken;
        let of_source = by_source.get(&source).copied().unwrap_or_default();
        if *all >= MOST || of_source >= MOST_OF_SOURCE {
            return None;
        }
        *all += 1;
        by_source.insert(source, of_source + 1);
        Some(Self { seats: Arc::clone(seats), source })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_source) = &mut *taken;
        *all -= 1;
        if let Some(count) = by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                by_source.remove(&self.source);
            }
        }
    }
}

/// Longest datagram carried; browsers keep theirs below the usual 1500 octets.
const LONGEST: usize = 2048;
/// How long the plane may not answer.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a browser may take no octets while media waits for it: what comes later nobody wants.
const SLOW: Duration = Duration::from_secs(5);
/// Before a socket is asked for again that was not to be had.
const PAUSE: Duration = Duration::from_millis(100);
/// Streams at once; two descriptors each.
const MOST: usize = 4000;
/// The same for one source: an office behind one address.
const MOST_OF_SOURCE: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_in_pieces_and_a_long_one_is_refused() {
        let mut frames = Frames::default();
        let mut heard = Vec::new();
        for piece in [&b"\0"[..], b"\x03a", b"bc\0\0\0\x01", b"d\0\x02e"] {
            frames.room()[..piece.len()].copy_from_slice(piece);
            assert!(frames.grow(piece.len()));
            while let Some(frame) = frames.next().expect("all are short") {
                heard.push(frame.to_vec());
            }
        }
        assert_eq!(heard, [&b"abc"[..], b"", b"d"]);
        frames.room()[..1].copy_from_slice(b"f");
        assert!(frames.grow(1) && !frames.room().is_empty());
        assert_eq!(frames.next().expect("it is short"), Some(&b"ef"[..]));
        frames.room()[..2].copy_from_slice(&[0xff, 0xff]);
        assert!(frames.grow(2) && frames.next().is_err());
        assert!(!frames.grow(0), "the end");
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let seats = Arc::<Seats>::default();
        let source = |last| IpAddr::from([192, 0, 2, last]);
        let taken: Vec<_> = (0..MOST_OF_SOURCE).map(|_| Seat::take(&seats, source(1))).collect();
        assert!(taken.iter().all(Option::is_some) && Seat::take(&seats, source(1)).is_none());
        assert!(Seat::take(&seats, source(2)).is_some());
        drop(taken);
        let left = seats.0.lock().expect("nobody panicked");
        assert!(left.0 == 0 && left.1.is_empty());
    }

    #[tokio::test]
    async fn a_frame_arrives_as_a_datagram_and_the_answer_as_a_frame() {
        let shared = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let door = MediaDoor::beside(shared.local_addr().expect("it is bound")).expect("a door");
        let at = door.listener.local_addr().expect("it listens");
        let streams = MediaStreams::start(vec![door]).expect("a thread");
        let mut browser = TcpStream::connect(at).await.expect("it is taken");
        browser.write_all(b"\0\x05check").await.expect("it is open");
        let mut heard = [0; 16];
        let (len, from) = shared.recv_from(&mut heard).await.expect("a datagram");
        assert_eq!(&heard[..len], b"check");
        shared.send_to(b"fine", from).await.expect("sent");
        let mut answer = [0; 6];
        browser.read_exact(&mut answer).await.expect("a frame");
        assert_eq!(&answer, b"\0\x04fine");
        drop(streams);
        assert_eq!(browser.read(&mut answer).await.ok(), Some(0), "closed");
    }
}
