//! Ends on the shared port, from outside: checks, handshakes, bundles and strangers.

#[path = "shared_port/browser.rs"]
mod browser;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use media::{
    Action, Actions, Command, Credentials, EndId, Event, OpenFault, PayloadTypes, Peer, Plane, Remote,
    SocketKey, Source,
};
use srtp::{Inbound, OVERHEAD, Outbound};
use timestamp::Timestamp;

use browser::{Browser, identity};

const END: EndId = EndId(7);

fn credentials(n: u64) -> Credentials {
    Credentials::from_numbers([n, 2, 3, 4])
}

/// A plane with a shared port, and the time.
struct Bench {
    plane: Plane,
    out: Actions,
    now: Timestamp,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        let plane = Plane::sharing(1, Some(identity()));
        Self { plane, out: Actions::new(), now: Timestamp::from_secs(1000), events: Vec::new() }
    }

    fn command(&mut self, command: Command) -> Vec<(SocketAddr, Vec<u8>)> {
        self.plane.handle_command(command, self.now, &mut self.out);
        self.collect(&[])
    }

    fn packet(&mut self, from: SocketAddr, packet: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        self.plane.on_packet(SocketKey::SHARED, from, packet, self.now, &mut self.out);
        self.collect(packet)
    }

    fn collect(&mut self, received: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        for action in self.out.list() {
            match *action {
                Action::Send { socket, to, payload } => {
                    assert_eq!(socket, SocketKey::SHARED);
                    sent.push((to, self.out.bytes(payload, received).to_vec()));
                }
                Action::Emit(event) => self.events.push(event),
                Action::Bind { .. } | Action::Keep(_) | Action::Unbind { .. } => {
                    panic!("{action:?} of an end without ports")
                }
            }
        }
        self.out.clear();
        sent
    }

    fn open(&mut self, end: EndId, n: u64, bundle: Option<EndId>) {
        let open = Command::OpenShared { end, credentials: credentials(n), bundle, inactivity: None };
        assert!(self.command(open).is_empty());
    }

    fn describe(&mut self, end: EndId, browser: &Browser) {
        let peer = Peer { fingerprint: browser.fingerprint(), active: false };
        assert!(self.command(Command::Authenticate { end, peer }).is_empty());
    }

    /// Sends what the browser wants sent, until both have nothing to say.
    fn converse(&mut self, browser: &mut Browser, first: Vec<Vec<u8>>) {
        let mut queue = VecDeque::from(first);
        while let Some(packet) = queue.pop_front() {
            for (to, answer) in self.packet(browser.addr, &packet) {
                assert_eq!(to, browser.addr);
                queue.extend(browser.hear(&answer, self.now));
            }
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.plane.handle_timeout(self.now, &mut self.out);
        self.collect(&[]);
    }
}

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], port))
}

#[test]
fn a_browser_checks_shakes_hands_and_is_connected() {
    let mut bench = Bench::new();
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.open(END, 1, None);
    bench.describe(END, &browser);
    let check = browser.check(&credentials(1), true);
    bench.converse(&mut browser, vec![check]);
    assert!(browser.answered, "the check has its answer");
    let hello = browser.begin(bench.now);
    bench.converse(&mut browser, hello);
    assert_eq!(bench.events, [Event::Connected { end: END, at: addr(4000) }]);
    assert!(browser.keys.is_some(), "both sides are done");
    bench.wait(31);
    assert_eq!(bench.events.last(), Some(&Event::ConsentLost { end: END }));
    bench.command(Command::Close { end: END });
    assert!(matches!(bench.events.last(), Some(Event::Closed { end: END, .. })));
    assert!(bench.plane.is_empty());
}

#[test]
fn media_is_protected_and_nothing_passes_in_the_clear_or_before_there_are_keys() {
    let mut bench = Bench::new();
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.open(END, 1, None);
    bench.describe(END, &browser);
    let remote = Remote::of(addr(1).ip());
    bench.command(Command::Remote { end: END, remote });
    bench.command(Command::Serve { end: END, source: Source::Echo });
    let check = browser.check(&credentials(1), true);
    bench.converse(&mut browser, vec![check]);
    let clear = [0x80, 8, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7, 1, 2, 3, 4];
    assert!(bench.packet(browser.addr, &clear).is_empty());
    let hello = browser.begin(bench.now);
    bench.converse(&mut browser, hello);
    assert!(bench.packet(browser.addr, &clear).is_empty());
    let (theirs, ours) = browser.keys.expect("they are done");
    let mut packet = clear.to_vec();
    packet.resize(clear.len() + OVERHEAD, 0);
    let len = Outbound::new(&theirs).protect(&mut packet, clear.len()).expect("room");
    packet.truncate(len);
    let echoed = bench.packet(browser.addr, &packet);
    let [(to, echo)] = echoed.as_slice() else { panic!("{echoed:?}") };
    assert_eq!(*to, browser.addr);
    let mut echo = echo.clone();
    let len = Inbound::new(&ours).unprotect(&mut echo).expect("ours");
    assert_eq!((len, &echo[12..len]), (clear.len(), &clear[12..]));
    assert!(bench.packet(addr(4001), &packet).is_empty(), "from elsewhere");
    assert!(bench.packet(browser.addr, &packet).is_empty(), "a replay");
}

#[test]
fn who_shows_another_certificate_is_told_of() {
    let mut bench = Bench::new();
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.open(END, 1, None);
    bench.describe(END, &Browser::new(addr(1), bench.now));
    let check = browser.check(&credentials(1), true);
    bench.converse(&mut browser, vec![check]);
    let hello = browser.begin(bench.now);
    bench.converse(&mut browser, hello);
    assert_eq!(bench.events, [Event::FingerprintMismatch { end: END }]);
}

#[test]
fn a_flood_of_strangers_costs_counts_and_nothing_is_answered() {
    let mut bench = Bench::new();
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.open(END, 1, None);
    let mut strange: Vec<Vec<u8>> = vec![
        browser.check(&credentials(2), true),
        browser.check(&Credentials::from_numbers([1, 9, 9, 9]), true),
        vec![0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![0x80, 200, 0, 1, 0, 0, 0, 1],
        vec![64; 20],
        Vec::new(),
    ];
    strange.extend(browser.begin(bench.now));
    let count = strange.len() as u64;
    for round in 1..=100 {
        for packet in &strange {
            assert!(bench.packet(addr(5000 + round as u16), packet).is_empty());
        }
        assert_eq!(bench.plane.strays(), round * count);
    }
    assert_eq!(bench.events, []);
}

#[test]
fn a_name_that_is_taken_and_a_plane_without_identity_are_refused() {
    let mut bench = Bench::new();
    bench.open(END, 1, None);
    let failed = |end, error| Event::Failed { end, port: 0, error };
    bench.open(EndId(8), 1, None);
    bench.open(END, 2, None);
    assert_eq!(bench.events, [failed(EndId(8), OpenFault::Refused), failed(END, OpenFault::AlreadyOpen)]);
    bench.plane = Plane::new(1);
    bench.open(END, 1, None);
    assert_eq!(bench.events.last(), Some(&failed(END, OpenFault::Refused)));
    assert!(bench.plane.is_empty());
}

#[test]
fn a_bundle_lives_until_its_last_end_is_closed_and_its_name_is_free_then() {
    let mut bench = Bench::new();
    bench.open(END, 1, None);
    bench.open(EndId(8), 2, Some(END));
    bench.command(Command::Sort { end: EndId(8), payloads: PayloadTypes::from_iter([96, 97]) });
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.command(Command::Close { end: END });
    let check = browser.check(&credentials(1), true);
    bench.converse(&mut browser, vec![check.clone()]);
    assert!(browser.answered);
    bench.command(Command::Close { end: EndId(8) });
    assert!(bench.packet(addr(4000), &check).is_empty());
    bench.open(END, 1, None);
    assert_eq!(bench.packet(addr(4000), &check).len(), 1);
}

#[test]
fn a_restart_takes_new_credentials_and_media_goes_where_they_come_from() {
    let mut bench = Bench::new();
    let mut browser = Browser::new(addr(4000), bench.now);
    bench.open(END, 1, None);
    bench.describe(END, &browser);
    let check = browser.check(&credentials(1), true);
    bench.converse(&mut browser, vec![check.clone()]);
    let hello = browser.begin(bench.now);
    bench.converse(&mut browser, hello);
    bench.command(Command::Restart { end: END, credentials: credentials(2) });
    assert_eq!(
        bench.packet(addr(4000), &check).len(),
        1,
        "the former name is known until the new one is used"
    );
    let again = browser.check(&credentials(2), true);
    assert_eq!(bench.packet(addr(4001), &again).len(), 1);
    assert!(bench.packet(addr(4000), &check).is_empty());
    bench.wait(29);
    assert_eq!(bench.events.len(), 1, "there is one association still, and consent");
}
