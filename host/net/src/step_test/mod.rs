//! The step tester: can we work with this peer? Name, way, TLS, OPTIONS, REGISTER, a call, its audio, one after the other.
//!
//! Each step over sockets of its own, on the thread that asks, within half a minute. It changes nothing at the
//! peer: its REGISTER carries no Contact and only reads (RFC 3261 §10.2.3), and it calls only where a number is
//! given. It never speaks for a shard, so what works here may still be configured away there.

mod call;
mod name;
mod run;
#[cfg(test)]
mod tests;
mod verdict;
mod way;

use std::time::Duration;

use sip_stack::transport::Protocol;

use crate::probe::Tls;

pub use run::run;

/// What to test.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the peer is, in the order in which it is tried.
    pub places: Vec<Place>,
    /// Host of From and To: the peer's own name, whatever proxy requests go through.
    pub domain: String,
    /// Host and port of the Request-URI.
    pub authority: String,
    /// The proxy that requests go through, as the value of Route.
    pub route: Option<String>,
    /// How TLS is spoken with it.
    pub tls: Option<Tls>,
    /// Our user name there, for From and To.
    pub user: Option<String>,
    /// What challenges are answered with.
    pub login: Option<Login>,
    /// Whether we register there.
    pub registers: bool,
    /// The number to call, if one may be called.
    pub call_to: Option<String>,
}

/// One address of a peer.
#[derive(Clone, Debug)]
pub struct Place {
    /// Host name or address.
    pub host: String,
    /// Port; absent means by DNS, else the transport's default.
    pub port: Option<u16>,
    /// Transport; absent means by DNS.
    pub protocol: Option<Protocol>,
}

/// User and password of a digest.
#[derive(Clone)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// `dns`, `reach`, `tls`, `options`, `register`, `call` or `audio`.
    pub name: &'static str,
    /// How it went.
    pub state: State,
    /// How long it took.
    pub took: Duration,
    /// What was found, in one sentence.
    pub detail: String,
    /// What to do about it, in one sentence; empty where nothing is to be done.
    pub fix: String,
    /// What was sent, secrets masked.
    pub sent: String,
    /// What came back, secrets masked.
    pub received: String,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has begun.
    Running,
    /// As it should be.
    Passed,
    /// It works, with something to look at.
    Warning,
    /// It does not work.
    Failed,
    /// There was no reason to try, or no sense in trying.
    Skipped,
}

impl State {
    /// As the API says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a step found; its name and its time are added by who runs it.
struct Finding {
    state: State,
    detail: String,
    fix: String,
    sent: String,
    received: String,
}

impl Finding {
    fn new(state: State, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (sent, received) = (String::new(), String::new());
        Self { state, detail: detail.into(), fix: fix.into(), sent, received }
    }

    fn passed(detail: impl Into<String>) -> Self {
        Self::new(State::Passed, detail, "")
    }

    fn skipped(why: impl Into<String>) -> Self {
        Self::new(State::Skipped, why, "")
    }

    /// The same with the messages of an exchange.
    fn with(mut self, sent: impl Into<String>, received: impl Into<String>) -> Self {
        (self.sent, self.received) = (sent.into(), received.into());
        self
    }
}

impl core::fmt::Debug for Login {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}
