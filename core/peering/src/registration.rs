//! The registration client (RFC 3261 §10.2): one registration of ours elsewhere, kept alive.
//!
//! Refreshed early; challenges answered (§22.2), 423 and one redirection obeyed, Retry-After obeyed; after a failure
//! the next address, then a pause that grows. Whoever drives it resolves names, computes digests and sends.

use core::time::Duration;
use std::net::SocketAddr;

use sip_msg::{Message, Name, NameAddr};
use sip_stack::Slot;
use sip_stack::transport::Target;
use timestamp::Timestamp;

use crate::backoff::{backoff, part};
use crate::grant::{granted, noticed};

/// ```text
///   Resting --time--> Locating --targets--> Asking --2xx--> Resting (refresh)
///      ^                  | none              |  '-- 401, 423: asked again; 3xx: Locating
///      '------ pause -----+-------------------+-- failed, no target left
///   leave: one more round with Expires 0, then Over
/// ```
#[derive(Debug)]
enum Phase {
    /// Nothing is done before this time.
    Resting { until: Timestamp },
    /// Where the registrar is was asked.
    Locating(Box<Attempt>),
    /// A REGISTER waits for its answer.
    Asking(Box<Attempt>),
    /// It has ended for good.
    Over,
}

/// One registration.
#[derive(Debug)]
pub struct Registration {
    id: [u8; 32],
    cseq: u32,
    phase: Phase,
    /// Where the last REGISTER went.
    target: Option<Target>,
    /// Least lifetime that the registrar asked for (423).
    least_s: u32,
    failures: u32,
    granted_until: Option<Timestamp>,
    standing: Option<bool>,
    refreshed: bool,
    leaving: bool,
    seen: Option<SocketAddr>,
    /// The last grant was followed at once by another REGISTER, since our address had changed.
    moved: bool,
}

/// One round of requests to refresh or end it.
#[derive(Debug, Default)]
struct Attempt {
    transaction: Option<Slot>,
    began: Timestamp,
    /// Targets not tried yet.
    rest: Vec<Target>,
    credentials: Vec<(Name, Vec<u8>)>,
    challenges: u8,
    requests: u8,
    /// Where a 3xx sent us.
    redirected: Option<Box<str>>,
    asked_s: u32,
}

/// What the configuration says.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Lifetime asked for.
    pub expires_s: u32,
    /// The first pause after a failure.
    pub retry_min_s: u32,
    /// The longest pause.
    pub retry_max_s: u32,
}

/// When something happens, and what it happens under.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// A random number.
    pub draw: u64,
    /// The terms in force.
    pub terms: Terms,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Find out where the registrar is, or where it has sent us; answered by [`Registration::on_located`].
    Locate(Option<Box<str>>),
    /// Send what [`Registration::ask`] says.
    Send,
    /// Call [`Registration::on_timer`] then.
    Wake(Timestamp),
    /// Something changed.
    Tell(News),
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// In force, and was not before.
    Registered {
        /// Seconds granted.
        expires_s: u32,
        /// Milliseconds it took.
        elapsed_ms: u64,
        /// It had failed before.
        recovered: bool,
    },
    /// Refreshed for the first time.
    Refreshed {
        /// Seconds granted.
        expires_s: u32,
        /// Milliseconds it took.
        elapsed_ms: u64,
    },
    /// Not in force, or not refreshed.
    Failed {
        /// Why.
        why: Why,
        /// When it is tried again.
        next: Timestamp,
        /// It had not failed before.
        first: bool,
        /// Milliseconds it took.
        elapsed_ms: u64,
    },
    /// Ended on purpose; nothing more will come.
    Ended {
        /// The registrar confirmed it.
        confirmed: bool,
    },
}

/// Why a registration failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The registrar's name leads nowhere.
    NameNotFound,
    /// We have no socket that reaches it.
    NoSocket,
    /// It does not answer.
    NoAnswer,
    /// It answered with this code; of a 2xx: it granted nothing.
    Answer(u16),
}

/// What to put into the next REGISTER.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Where it goes.
    pub target: Target,
    /// Request-URI, when a redirection changed it.
    pub uri: Option<&'a str>,
    /// CSeq number.
    pub cseq: u32,
    /// Lifetime.
    pub expires_s: u32,
    /// Credentials.
    pub credentials: &'a [(Name, Vec<u8>)],
}

impl Registration {
    /// A registration that begins at this time; `id` makes its Call-ID and tag.
    pub fn new(id: [u8; 32], at: Timestamp, orders: &mut Vec<Order>) -> Self {
        orders.push(Order::Wake(at));
        Self {
            id,
            cseq: 0,
            phase: Phase::Resting { until: at },
            target: None,
            least_s: 0,
            failures: 0,
            granted_until: None,
            standing: None,
            refreshed: false,
            leaving: false,
            seen: None,
            moved: false,
        }
    }

    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        &self.id
    }

    /// Tag of From.
    pub fn tag(&self) -> &[u8] {
        self.id.get(..16).unwrap_or_default()
    }

    /// Whether it is in force; `None` before the first answer.
    pub fn is_registered(&self) -> Option<bool> {
        self.standing
    }

    /// Until when the registrar keeps us.
    pub fn granted_until(&self) -> Option<Timestamp> {
        self.granted_until
    }

    /// When it is refreshed or tried again.
    pub fn next_attempt(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Resting { until } => Some(until),
            Phase::Locating(_) | Phase::Asking(_) | Phase::Over => None,
        }
    }

    /// Where the registrar was reached last.
    pub fn target(&self) -> Option<Target> {
        self.target
    }

    /// Our address as the registrar sees it, when it is not what we show.
    pub fn seen(&self) -> Option<SocketAddr> {
        self.seen
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Whether it is ending.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Whether this transaction is the one whose answer is awaited.
    pub fn awaits(&self, transaction: Slot) -> bool {
        matches!(&self.phase, Phase::Asking(attempt) if attempt.transaction == Some(transaction))
    }

    /// What to send; counts it as asked.
    pub fn ask(&mut self, terms: Terms) -> Option<Asked<'_>> {
        let expires_s = if self.leaving { 0 } else { Ord::max(terms.expires_s, self.least_s) };
        let Phase::Asking(attempt) = &mut self.phase else { return None };
        self.cseq = self.cseq.wrapping_add(1);
        attempt.asked_s = expires_s;
        attempt.requests += 1;
        Some(Asked {
            target: self.target?,
            uri: attempt.redirected.as_deref(),
            cseq: self.cseq,
            expires_s,
            credentials: &attempt.credentials,
        })
    }

    /// It was sent in this transaction.
    pub fn sent(&mut self, by: Slot) {
        if let Phase::Asking(attempt) = &mut self.phase {
            attempt.transaction = Some(by);
        }
    }

    /// Time passed.
    pub fn on_timer(&mut self, moment: Moment, orders: &mut Vec<Order>) {
        if let Phase::Resting { until } = self.phase
            && until <= moment.now
        {
            self.begin(moment.now, orders);
        }
    }

    /// An operator does not want to wait.
    pub fn register_now(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        if matches!(self.phase, Phase::Resting { .. }) {
            self.begin(now, orders);
        }
    }

    /// Ends it: with Expires 0 if there is something to end.
    pub fn leave(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        self.leaving = true;
        if !matches!(self.phase, Phase::Resting { .. }) {
            return;
        }
        let bound = self.granted_until.is_some_and(|until| until > now) && self.target.is_some();
        if bound {
            self.phase = Phase::Asking(Box::new(Attempt { began: now, ..Attempt::default() }));
            orders.push(Order::Send);
        } else {
            self.end(false, orders);
        }
    }

    /// Where the registrar is; none if its name leads nowhere.
    pub fn on_located(&mut self, found: &[Target], moment: Moment, orders: &mut Vec<Order>) {
        let Phase::Locating(attempt) = &mut self.phase else { return };
        if self.leaving && self.granted_until.is_none() {
            self.end(false, orders);
            return;
        }
        let mut attempt = core::mem::take(attempt);
        attempt.rest = found.to_vec();
        // A target that served before is kept as long as the name still leads there.
        let serves = self.target.filter(|_| self.failures == 0);
        if let Some(at) = attempt.rest.iter().position(|target| Some(*target) == serves) {
            let kept = attempt.rest.remove(at);
            attempt.rest.insert(0, kept);
        }
        self.phase = Phase::Asking(attempt);
        self.next_target(Why::NameNotFound, None, moment, orders);
    }

    /// No socket of ours reaches the target.
    pub fn on_unsendable(&mut self, moment: Moment, orders: &mut Vec<Order>) {
        self.next_target(Why::NoSocket, None, moment, orders);
    }

    /// No answer in time, or the message could not be sent.
    pub fn on_timeout(&mut self, moment: Moment, orders: &mut Vec<Order>) {
        self.next_target(Why::NoAnswer, None, moment, orders);
    }

    /// The registrar answered. `contact` is the Contact URI sent; `credentials` answer its challenge, if they can.
    pub fn on_response(
        &mut self,
        answer: &Message<'_>,
        contact: &str,
        credentials: Option<(Name, Vec<u8>)>,
        moment: Moment,
        orders: &mut Vec<Order>,
    ) {
        let code = answer.code();
        let Phase::Asking(attempt) = &mut self.phase else { return };
        if code < 200 {
            return;
        }
        attempt.transaction = None;
        let seen = noticed(answer);
        let moves = seen != self.seen;
        self.seen = seen;
        let again = match code {
            200..=299 => return self.on_success(answer, contact, moves, moment, orders),
            _ if attempt.requests >= MOST_REQUESTS => false,
            401 | 407 => attempt.on_challenge(answer, credentials),
            423 => match answer.field(Name::MinExpires).and_then(seconds) {
                Some(least) if least > attempt.asked_s && least <= LONGEST_S && !self.leaving => {
                    self.least_s = least;
                    attempt.start_over();
                    true
                }
                Some(_) | None => false,
            },
            300..=399 => return self.on_redirection(answer, moment, orders),
            _ => false,
        };
        if again {
            orders.push(Order::Send);
            return;
        }
        let after = answer.field(Name::RetryAfter).and_then(retry_after);
        self.next_target(Why::Answer(code), after, moment, orders);
    }

    fn begin(&mut self, now: Timestamp, orders: &mut Vec<Order>) {
        self.phase = Phase::Locating(Box::new(Attempt { began: now, ..Attempt::default() }));
        orders.push(Order::Locate(None));
    }

    fn on_success(
        &mut self,
        ok: &Message<'_>,
        contact: &str,
        moves: bool,
        moment: Moment,
        orders: &mut Vec<Order>,
    ) {
        let Phase::Asking(attempt) = &mut self.phase else { return };
        if self.leaving {
            if attempt.asked_s == 0 {
                self.end(true, orders);
            } else {
                attempt.start_over();
                orders.push(Order::Send);
            }
            return;
        }
        let expires_s = Ord::min(granted(ok, contact, attempt.asked_s), LONGEST_S);
        if expires_s == 0 {
            self.fail(Why::Answer(ok.code()), None, moment, orders);
            return;
        }
        let elapsed_ms = millis(attempt.began, moment.now);
        self.granted_until = Some(moment.now + Duration::from_secs(u64::from(expires_s)));
        self.failures = 0;
        self.moved = moves && !self.moved;
        let rest = if self.moved { MOVED } else { until_refresh(expires_s, moment.draw) };
        match self.standing.replace(true) {
            Some(true) if self.refreshed => {}
            Some(true) => {
                self.refreshed = true;
                orders.push(Order::Tell(News::Refreshed { expires_s, elapsed_ms }));
            }
            before => {
                self.refreshed = false;
                let recovered = before == Some(false);
                orders.push(Order::Tell(News::Registered { expires_s, elapsed_ms, recovered }));
            }
        }
        self.rest(moment.now + rest, orders);
    }

    fn on_redirection(&mut self, answer: &Message<'_>, moment: Moment, orders: &mut Vec<Order>) {
        let Phase::Asking(attempt) = &mut self.phase else { return };
        let to = answer.values(Name::Contact).filter_map(NameAddr::parse).find_map(|contact| {
            contact.parsed_uri().filter(|uri| !uri.host.is_empty())?;
            core::str::from_utf8(contact.uri).ok()
        });
        // RFC 3261 §8.1.3.4, but once: whoever sends us on twice sends us round.
        match to {
            Some(to) if attempt.redirected.is_none() => {
                attempt.start_over();
                attempt.redirected = Some(to.into());
                let attempt = core::mem::take(attempt);
                self.phase = Phase::Locating(attempt);
                orders.push(Order::Locate(Some(to.into())));
            }
            Some(_) | None => self.next_target(Why::Answer(answer.code()), None, moment, orders),
        }
    }

    /// The next target, if another may do better; else the attempt has failed.
    fn next_target(
        &mut self,
        why: Why,
        retry_after: Option<Duration>,
        moment: Moment,
        orders: &mut Vec<Order>,
    ) {
        let Phase::Asking(attempt) = &mut self.phase else { return };
        let elsewhere = match why {
            Why::NameNotFound | Why::NoSocket | Why::NoAnswer => true,
            Why::Answer(code) => code == 408 || (500..600).contains(&code),
        };
        if !elsewhere || attempt.rest.is_empty() {
            self.fail(why, retry_after, moment, orders);
            return;
        }
        self.target = Some(attempt.rest.remove(0));
        attempt.start_over();
        attempt.requests = 0;
        orders.push(Order::Send);
    }

    fn fail(&mut self, why: Why, retry_after: Option<Duration>, moment: Moment, orders: &mut Vec<Order>) {
        let (Phase::Asking(attempt) | Phase::Locating(attempt)) = &self.phase else { return };
        let elapsed_ms = millis(attempt.began, moment.now);
        if self.leaving {
            self.end(false, orders);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        let (min, max) = (seconds(moment.terms.retry_min_s), seconds(moment.terms.retry_max_s));
        let passing = match why {
            Why::NameNotFound | Why::NoSocket | Why::NoAnswer => true,
            Why::Answer(code) => code == 408 || (500..600).contains(&code),
        };
        let pause = match retry_after {
            // Asked of all its clients, so not all at the same moment.
            Some(asked) => Ord::max(asked, min) + part(asked / 10, moment.draw),
            None if passing => backoff(self.failures, min, max, moment.draw),
            // Only an operator can mend a password or a name.
            None => max + part(max / 10, moment.draw),
        };
        let next = moment.now + pause;
        let first = self.standing.replace(false) != Some(false);
        orders.push(Order::Tell(News::Failed { why, next, first, elapsed_ms }));
        self.rest(next, orders);
    }

    fn rest(&mut self, until: Timestamp, orders: &mut Vec<Order>) {
        self.phase = Phase::Resting { until };
        orders.push(Order::Wake(until));
    }

    fn end(&mut self, confirmed: bool, orders: &mut Vec<Order>) {
        self.phase = Phase::Over;
        self.granted_until = None;
        orders.push(Order::Tell(News::Ended { confirmed }));
    }
}

impl Attempt {
    /// Whether the request goes again, with credentials. A challenge after right credentials means that the nonce
    /// is stale, or that another server on the way wants its own.
    fn on_challenge(&mut self, answer: &Message<'_>, credentials: Option<(Name, Vec<u8>)>) -> bool {
        let Some((name, value)) = credentials else { return false };
        let asked = if answer.code() == 401 { Name::WwwAuthenticate } else { Name::ProxyAuthenticate };
        let stale =
            answer.fields(asked).filter_map(sip_msg::Challenge::parse).any(|challenge| challenge.stale);
        let sent = self.credentials.iter().any(|(known, _)| *known == name);
        self.challenges += 1;
        if sent && !stale || self.challenges > MOST_CHALLENGES {
            return false;
        }
        self.credentials.retain(|(known, _)| *known != name);
        self.credentials.push((name, value));
        true
    }

    /// To another server, or for another lifetime: credentials were for the request before.
    fn start_over(&mut self) {
        self.credentials.clear();
        self.challenges = 0;
        self.transaction = None;
    }
}

/// How long a grant is left alone: 85 to 90 per cent of it, or with fifteen seconds to spare where that is more.
fn until_refresh(expires_s: u32, draw: u64) -> Duration {
    let whole = Duration::from_secs(u64::from(expires_s));
    let spare = Ord::max(whole / 10, Ord::min(SPARE, whole / 3));
    let latest = whole.saturating_sub(spare);
    latest.saturating_sub(part(whole / 20, draw))
}

fn seconds(value: &[u8]) -> Option<u32> {
    core::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
}

/// Delta seconds; a comment and parameters may follow (RFC 3261 §20.33).
fn retry_after(value: &[u8]) -> Option<Duration> {
    let digits = value.trim_ascii_start().split(|c| !c.is_ascii_digit()).next()?;
    let seconds = seconds(digits)?;
    (seconds > 0).then(|| Duration::from_secs(u64::from(Ord::min(seconds, LONGEST_S))))
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Longest lifetime and pause that we go along with: a day.
const LONGEST_S: u32 = 86_400;
/// Requests to one target in one attempt.
const MOST_REQUESTS: u8 = 8;
/// Challenges answered in one attempt.
const MOST_CHALLENGES: u8 = 3;
/// Time for a refresh to get through a network that loses: four retransmissions of each of two requests.
const SPARE: Duration = Duration::from_secs(15);
/// Our address was found to be another: the Contact is corrected after this.
const MOVED: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
