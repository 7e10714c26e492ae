//! Guessing at passwords: what is slowed, who is banned, and which device merely has a wrong password saved.
//!
//! Counted is only what echoes a nonce that we gave to the same address: sources of datagrams can be forged, and an
//! echo cannot. What a source tried is collected at its home, a shard found by hash like that of a user; waits and
//! bans are told to every shard. A place that should be banned is asked about everywhere first: where a device of
//! ours is registered, or a peer is at home, it is slowed and never banned.

use core::hash::Hasher;
use std::net::{IpAddr, SocketAddr};

use guard::{Attempt, Ban, Bans, Evidence, Ledger, Mistakes, Pace, Verdict, place};
use hashbrown::HashMap;
use ipnet::IpNet;
use routing::config::{Connection, ConnectionId};
use routing::policy::is_service_for_help;
use sip_msg::{Credentials, Message, Method, Name, Uri, scan};
use sip_stack::auth::Freshness;
use sip_stack::transport::Flow;
use siphasher::sip::SipHasher13;
use timestamp::Timestamp;

use crate::control::{Answer, Event, Happening, WrongPassword};
use crate::outbox::{Outbox, Output, Persist};
use crate::owner::ShardMessage;
use crate::shard::Shard;
use crate::throttle::Balance;

/// What a shard knows of those who guess.
#[derive(Debug)]
pub(crate) struct Suspicion {
    /// Of places at home here.
    ledger: Ledger,
    /// Users at places that have to wait.
    pace: Pace,
    pub(crate) bans: Bans,
    /// Of connections at home here.
    pub(crate) mistakes: Mistakes,
    /// Challenges by source that nobody answered.
    pub(crate) challenged: Balance,
    /// The same of calls for help, so that whoever floods from the same address takes nothing from them.
    for_help: Balance,
    /// Places asked about, and how many shards have yet to say that nobody vouches.
    asking: HashMap<IpNet, u8>,
}

/// What shards tell each other about guessing.
#[derive(Clone, Debug)]
pub enum Suspected {
    /// A wrong answer, for the home of its source.
    Tried {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Whether it was looked at; else it came too early.
        looked_at: bool,
    },
    /// A wrong password, for the home of the connection.
    Mistaken {
        /// The connection.
        connection: Box<str>,
        /// What was tried.
        attempt: Box<Attempt>,
    },
    /// A user at a place has to wait.
    Wait {
        /// Which, as a hash.
        key: u64,
        /// Until then.
        until: Timestamp,
    },
    /// Does anybody there vouch for this place?
    Ask {
        /// Who asks.
        from: u8,
        /// The place.
        place: IpNet,
    },
    /// The answer.
    Vouched {
        /// The place.
        place: IpNet,
        /// Whether somebody does.
        yes: bool,
    },
    /// A place is banned.
    Banned(Box<Ban>),
}

impl Suspicion {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            ledger: Ledger::default(),
            pace: Pace::default(),
            bans: Bans::default(),
            mistakes: Mistakes::default(),
            challenged: Balance::new(seed),
            for_help: Balance::new(seed),
            asking: HashMap::new(),
        }
    }
}

impl Shard {
    /// Whether nobody listens to a source. Emergency calls and what belongs to a dialog or a transaction of ours pass.
    pub(crate) fn is_banned(&mut self, flow: &Flow, bytes: &[u8], now: Timestamp) -> bool {
        if self.suspicion.bans.is_empty() {
            return false;
        }
        let source = flow.remote.ip();
        if !self.suspicion.bans.drops(source, now) || self.passes_bans(bytes) {
            return false;
        }
        self.counts.banned += 1;
        true
    }

    fn passes_bans(&self, bytes: &[u8]) -> bool {
        let line = bytes.split(|&b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
        let mut words = line.split(|&b| b == b' ');
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if matches!(Method::from_bytes(method), Method::Register | Method::Options | Method::Subscribe) {
            return false;
        }
        self.is_emergency(uri) || scan(bytes).is_some_and(|scan| self.owners.is_ours(&scan))
    }

    /// Whether a Request-URI is an emergency number of any account, or the service of all help.
    pub(crate) fn is_emergency(&self, uri: &[u8]) -> bool {
        if is_service_for_help(uri) {
            return true;
        }
        let mut user = Vec::new();
        match Uri::parse(uri) {
            Some(uri) if uri.user.is_some_and(|user| user.len() <= LONGEST_EMERGENCY) => {
                uri.unescape_user(&mut user);
            }
            Some(_) | None => return false,
        }
        self.tables.accounts().any(|a| a.emergency.numbers.iter().any(|n| n.as_bytes() == user))
    }

    /// Whether this request has to wait: its credentials are not looked at and it is not answered, so that its
    /// retransmission is, when the time has come.
    pub(crate) fn must_wait(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        connection: Option<&Connection>,
        now: Timestamp,
        out: &mut Outbox,
    ) -> bool {
        if self.suspicion.pace.is_idle(now) {
            return false;
        }
        let Some(user) = credentials(request).and_then(|c| c.username) else { return false };
        let at = place(flow.remote.ip());
        let alone = self.suspicion.pace.waits(self.pace_key(at, user), now).is_some();
        if !alone && self.suspicion.pace.waits(self.pace_key(at, b""), now).is_none() {
            return false;
        }
        if let Some(connection) = connection {
            // Who is registered is known at home only.
            let home = self.owners.home_of(connection);
            if home != self.index && request.method() == Method::Invite {
                let message = ShardMessage::Forwarded { flow: *flow, bytes: request.bytes().into() };
                self.tell(home, message, out);
                return true;
            }
            let bindings = self.location.of(connection.id.as_str(), now);
            let here = bindings.iter().any(|row| at.contains(&row.source.ip().to_canonical()));
            // Whoever guesses at the same place has another port than the device.
            let calls_for_help = || request.method() == Method::Invite && self.is_emergency(request.uri());
            let itself = || bindings.iter().any(|row| row.source == flow.remote);
            if (here && !alone) || (itself() && calls_for_help()) {
                return false;
            }
        }
        self.counts.slowed += 1;
        self.tried(request, flow, connection, false, now, out);
        true
    }

    /// The credentials of a request were wrong.
    pub(crate) fn note_wrong(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        connection: Option<&Connection>,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        self.tried(request, flow, connection, true, now, out);
    }

    /// The credentials of a request were right.
    pub(crate) fn note_right(&mut self, connection: &Connection, flow: &Flow) {
        self.suspicion.challenged.give_back(flow.remote.ip());
        self.suspicion.mistakes.on_right(connection.id.as_str());
    }

    fn tried(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        connection: Option<&Connection>,
        looked_at: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        let Some(user) = self.echoed(request, flow, now) else { return };
        let source = flow.remote;
        let known = connection.filter(|c| c.credentials.iter().any(|k| k.user.as_bytes() == user));
        let clip = |bytes: &[u8]| -> Box<str> {
            String::from_utf8_lossy(bytes.get(..LONGEST_TEXT).unwrap_or(bytes)).into()
        };
        let attempt = Box::new(Attempt {
            at: now,
            source,
            user: clip(user),
            known: known.is_some(),
            request: self.fingerprint(request),
            user_agent: clip(request.field(Name::UserAgent).unwrap_or_default()),
        });
        if let Some(connection) = known.filter(|_| looked_at) {
            let (home, connection) = (self.owners.home_of(connection), connection.id.as_str().into());
            let mistaken = Suspected::Mistaken { connection, attempt: attempt.clone() };
            self.tell(home, ShardMessage::Suspected(mistaken), out);
        }
        let home = self.home_of_place(place(source.ip()));
        self.tell(home, ShardMessage::Suspected(Suspected::Tried { attempt, looked_at }), out);
    }

    /// The user name of credentials that echo a nonce which this source was given.
    fn echoed<'m>(&self, request: &Message<'m>, flow: &Flow, now: Timestamp) -> Option<&'m [u8]> {
        let credentials = credentials(request)?;
        let (nonce, realm) = (credentials.nonce?, credentials.realm?);
        let ours = self.nonces.check(nonce, realm, now) != Freshness::Foreign;
        let given = core::str::from_utf8(nonce.get(8..16)?).ok()?;
        let given = u32::from_str_radix(given, 16).ok()?;
        (ours && given == self.mark_of(flow.remote.ip())).then_some(credentials.username?)
    }

    /// What a nonce is made from: whom it is given to, and for which request.
    pub(crate) fn salt(&self, mark: u64, flow: &Flow) -> u64 {
        u64::from(self.mark_of(flow.remote.ip())) << 32 | mark & 0xffff_ffff
    }

    fn mark_of(&self, source: IpAddr) -> u32 {
        u32::try_from(self.pace_key(place(source), b"nonce") & 0xffff_ffff).unwrap_or(0)
    }

    fn home_of_place(&self, at: IpNet) -> u8 {
        u8::try_from(self.pace_key(at, b"home") % u64::from(self.owners.shards())).unwrap_or(0)
    }

    /// The same in all shards.
    fn pace_key(&self, at: IpNet, user: &[u8]) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.tag_key);
        match at.network() {
            IpAddr::V4(v4) => hash.write(&v4.octets()),
            IpAddr::V6(v6) => hash.write(&v6.octets()),
        }
        hash.write(user);
        hash.finish()
    }

    /// Another shard, or we ourselves, suspect somebody.
    pub(crate) fn on_suspected(&mut self, suspected: Suspected, now: Timestamp, out: &mut Outbox) {
        match suspected {
            Suspected::Tried { attempt, looked_at } => self.judge_attempt(&attempt, looked_at, out),
            Suspected::Mistaken { connection, attempt } => self.on_mistaken(&connection, &attempt, now, out),
            Suspected::Wait { key, until } => self.suspicion.pace.hold(key, until),
            Suspected::Ask { from, place } => {
                let yes = self.vouches_for(place, now);
                self.tell(from, ShardMessage::Suspected(Suspected::Vouched { place, yes }), out);
            }
            Suspected::Vouched { place, yes } => self.on_vouched(place, yes, now, out),
            Suspected::Banned(ban) => self.suspicion.bans.put(*ban),
        }
    }

    fn judge_attempt(&mut self, attempt: &Attempt, looked_at: bool, out: &mut Outbox) {
        let at = place(attempt.source.ip());
        match self.suspicion.ledger.on_attempt(attempt, looked_at) {
            Verdict::Pass => {}
            Verdict::Wait { until, .. } => {
                let key = self.pace_key(at, attempt.user.as_bytes());
                self.tell_all(&Suspected::Wait { key, until }, out);
            }
            Verdict::WaitAll { until } => {
                let key = self.pace_key(at, b"");
                self.tell_all(&Suspected::Wait { key, until }, out);
            }
            Verdict::Ask => {
                if self.suspicion.asking.len() >= MOST_ASKED {
                    self.suspicion.asking.clear();
                }
                self.suspicion.asking.insert(at, self.owners.shards());
                self.tell_all(&Suspected::Ask { from: self.index, place: at }, out);
            }
        }
    }

    /// Whether this is where a device of ours is registered, or a peer or an account is at home.
    fn vouches_for(&self, at: IpNet, now: Timestamp) -> bool {
        let address = at.addr();
        address.is_loopback()
            || self.suspicion.bans.is_allowed(address, now)
            || self.tables.by_source(address).next().is_some()
            || self.peering.is_reached_at(&|peer| at.contains(&peer.to_canonical()))
            || self.tables.accounts().any(|a| a.allowed_sources.iter().any(|n| n.contains(&at)))
            || self.location.lives(now, &|source| at.contains(&source.to_canonical()))
    }

    fn on_vouched(&mut self, at: IpNet, yes: bool, now: Timestamp, out: &mut Outbox) {
        let Some(awaited) = self.suspicion.asking.get_mut(&at) else { return };
        if yes {
            self.suspicion.asking.remove(&at);
            self.suspicion.ledger.on_vouched(at, now);
            if let Some(evidence) = self.suspicion.ledger.evidence(at.addr()) {
                announce(Happening::BanWithheld { network: at, evidence }, now, out);
            }
            return;
        }
        *awaited = awaited.saturating_sub(1);
        if *awaited > 0 {
            return;
        }
        self.suspicion.asking.remove(&at);
        let Some((evidence, until)) = self.suspicion.ledger.convict(at, now) else { return };
        let id = format!("ban_{:011x}{:016x}", now.as_millis(), self.random.number());
        let ban = Ban {
            id: id.into(),
            network: at,
            allow: false,
            reason: in_words(&evidence).into(),
            evidence: Some(evidence),
            at: now,
            until: Some(until),
            by: Box::default(),
        };
        out.outputs.push(Output::Persist(Persist::Ban(Box::new(ban.clone()))));
        announce(Happening::BanAdded(Box::new(ban.clone())), now, out);
        self.tell_all(&Suspected::Banned(Box::new(ban)), out);
    }

    fn on_mistaken(&mut self, connection: &str, attempt: &Attempt, now: Timestamp, out: &mut Outbox) {
        let Some(mistake) = self.suspicion.mistakes.on_attempt(connection, attempt) else { return };
        let what =
            Happening::WrongPassword { connection: connection.into(), what: WrongPassword::of(mistake) };
        let row = self.tables.connection(&ConnectionId::from(connection));
        let account = row.map_or("", |row| row.account.as_str()).into();
        out.outputs.push(Output::Announce(Event { at: now, account, what }));
    }

    /// An order of the office about bans.
    pub(crate) fn on_ban_order(&mut self, order: BanOrder, now: Timestamp, out: &mut Outbox) -> Answer {
        match order {
            BanOrder::Restore(bans) => bans.into_iter().for_each(|ban| self.suspicion.bans.put(ban)),
            BanOrder::Put(ban) => {
                if ban.allow {
                    self.suspicion.ledger.forgive(ban.network);
                }
                if self.index == 0 {
                    announce(Happening::BanAdded(ban.clone()), now, out);
                }
                self.suspicion.bans.put(*ban);
            }
            BanOrder::Lift(ban) => {
                self.suspicion.bans.lift(&ban.id);
                self.suspicion.ledger.forgive(ban.network);
                if self.index == 0 {
                    announce(Happening::BanRemoved(ban), now, out);
                }
            }
            BanOrder::Dropped => return Answer::Dropped(self.suspicion.bans.dropped()),
        }
        Answer::Done
    }

    fn tell_all(&mut self, suspected: &Suspected, out: &mut Outbox) {
        for shard in 0..self.owners.shards() {
            self.tell(shard, ShardMessage::Suspected(suspected.clone()), out);
        }
    }

    /// The time of some bans is over.
    pub(crate) fn end_bans(&mut self, now: Timestamp, out: &mut Outbox) {
        while let Some(ban) = self.suspicion.bans.lapse(now) {
            if self.index == 0 {
                announce(Happening::BanLapsed(Box::new(ban)), now, out);
            }
        }
    }

    /// Whether one more challenge may be sent to a source that leaves challenges unanswered.
    pub(crate) fn may_challenge(
        &mut self,
        request: &Message<'_>,
        source: SocketAddr,
        now: Timestamp,
    ) -> bool {
        let source = source.ip();
        let known = source.is_loopback() || self.tables.by_source(source).next().is_some();
        let may = known
            || self.suspicion.challenged.take(source, now)
            || (request.method() == Method::Invite
                && self.is_emergency(request.uri())
                && self.suspicion.for_help.take(source, now));
        self.counts.slowed += u64::from(!may);
        may
    }
}

/// What the office wants done about bans.
#[derive(Clone, Debug)]
pub enum BanOrder {
    /// In force since before the start.
    Restore(Vec<Ban>),
    /// From now on.
    Put(Box<Ban>),
    /// No longer, and nothing is held against its network.
    Lift(Box<Ban>),
    /// How much each has dropped; answered with [`Answer::Dropped`].
    Dropped,
}

/// Tells everybody who listens to events of the installation.
fn announce(what: Happening, now: Timestamp, out: &mut Outbox) {
    out.outputs.push(Output::Announce(Event { at: now, account: Default::default(), what }));
}

fn credentials<'m>(request: &Message<'m>) -> Option<Credentials<'m>> {
    let carried = request.fields(Name::Authorization).chain(request.fields(Name::ProxyAuthorization));
    carried.filter_map(Credentials::parse).find(|c| c.nonce.is_some())
}

fn in_words(evidence: &Evidence) -> String {
    let (users, tries) = (evidence.distinct_users, evidence.tries);
    let minutes = evidence.last_at.since(evidence.first_at).as_secs().div_ceil(60).max(1);
    match evidence.users.first() {
        Some(only) if users == 1 => {
            format!("{tries} wrong passwords for the user {} in {minutes} min", only.user)
        }
        Some(_) | None => format!("{tries} wrong passwords for {users} users in {minutes} min"),
    }
}

/// Emergency numbers are short.
const LONGEST_EMERGENCY: usize = 8;
/// Of what strangers say of themselves.
const LONGEST_TEXT: usize = 64;
/// Places asked about at once; answers come in fractions of a millisecond.
const MOST_ASKED: usize = 256;
