//! The session timer of one dialog (RFC 4028): which interval was agreed, who refreshes, and when.
//!
//! Leaf machine. It knows no transactions: its user sends the refresh (UPDATE or re-INVITE) and the BYE. A peer that
//! does not know timers is refreshed by us, and never held to an interval that it did not agree to.

use core::time::Duration;

use sip_msg::build::Writer;
use sip_msg::{Message, Name};
use timestamp::Timestamp;

/// ```text
///   Off --2xx to an INVITE, either way--> Running(us | them)
///   Running(us)    --half of the interval--> refresh is out --2xx--> Running
///   Running(us)                                             --408, 481--> BYE (the user's matter)
///   Running(us)                                             --other: peer knows timers--> waits for the end
///   Running(either, peer knows timers) --interval - min(32 s, interval / 3)--> BYE
/// ```
#[derive(Clone, Debug)]
pub struct SessionTimer {
    /// What we ask for, raised by a peer's 422.
    wanted: u32,
    least: u32,
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    agreement: Agreement,
    since: Timestamp,
    /// A refresh of ours is out, or failed for good.
    asking: bool,
    /// When a refresh that was refused for now is sent again.
    again_at: Option<Timestamp>,
}

/// Who refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// We do.
    Us,
    /// The peer does.
    Them,
}

/// What both sides settled on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Session interval in seconds.
    pub seconds: u32,
    /// Who refreshes.
    pub refresher: Refresher,
    /// Whether the peer knows timers.
    pub mutual: bool,
}

/// What the timer wants when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshDue {
    /// Nothing yet.
    Nothing,
    /// A refresh.
    Refresh,
    /// A BYE: nobody refreshed.
    Expired,
}

impl SessionTimer {
    /// A timer that asks for this interval and accepts no shorter one than `least`.
    pub fn new(wanted: u32, least: u32) -> Self {
        let least = Ord::max(least, LEAST);
        Self { wanted: Ord::max(wanted, least), least, running: None }
    }

    /// What a request of theirs, INVITE or UPDATE, leads to if it is accepted; the error is the Min-SE of a 422 (§9).
    pub fn propose(&self, request: &Message<'_>) -> Result<Agreement, u32> {
        let mutual =
            request.has_token(Name::Supported, b"timer") || request.has_token(Name::Require, b"timer");
        let (asked, role) = request.field(Name::SessionExpires).and_then(parse).unzip();
        let least = min_se(request).unwrap_or(0);
        if asked.is_some_and(|asked| asked < self.least) && mutual {
            return Err(self.least);
        }
        let ours = Ord::max(self.wanted, least);
        let seconds = Ord::max(asked.map_or(ours, |asked| Ord::min(asked, ours)), self.least);
        let current = self.running.map(|running| running.agreement.refresher);
        let refresher = match (mutual, role.flatten()) {
            (false, _) | (true, Some(Role::Uas)) => Refresher::Us,
            (true, Some(Role::Uac)) => Refresher::Them,
            (true, None) => current.unwrap_or(Refresher::Them),
        };
        Ok(Agreement { seconds, refresher, mutual })
    }

    /// Writes what was settled into a 2xx of ours (§9, table 2).
    pub fn write_answer(agreement: &Agreement, writer: &mut Writer<'_>) {
        let role: &[u8] = match agreement.refresher {
            Refresher::Us => b";refresher=uas",
            Refresher::Them => b";refresher=uac",
        };
        let seconds = agreement.seconds.to_string();
        writer.parts(Name::SessionExpires, &[seconds.as_bytes(), role]);
        if agreement.mutual {
            writer.field(Name::Require, b"timer");
        }
    }

    /// Writes what we ask for into an INVITE or UPDATE of ours (§7.1, §7.4): within a dialog the roles stay.
    pub fn write_request(&self, writer: &mut Writer<'_>) {
        let (seconds, role): (u32, &[u8]) = match self.running {
            None => (self.wanted, b""),
            Some(Running { agreement: Agreement { seconds, refresher, .. }, .. }) => {
                let role: &[u8] = match refresher {
                    Refresher::Us => b";refresher=uac",
                    Refresher::Them => b";refresher=uas",
                };
                (Ord::max(seconds, self.least), role)
            }
        };
        writer.parts(Name::SessionExpires, &[seconds.to_string().as_bytes(), role]);
        writer.number(Name::MinSe, u64::from(self.least));
    }

    /// What a 2xx of theirs settles (§7.2). Without Session-Expires the peer has no timer: we refresh.
    pub fn settled_by(&self, response: &Message<'_>) -> Agreement {
        let kept = self.running.map(|running| running.agreement);
        match response.field(Name::SessionExpires).and_then(parse) {
            Some((seconds, role)) => {
                let refresher = match role {
                    Some(Role::Uas) => Refresher::Them,
                    Some(Role::Uac) | None => Refresher::Us,
                };
                Agreement { seconds: Ord::max(seconds, LEAST), refresher, mutual: true }
            }
            None => {
                let seconds = kept.map_or(self.wanted, |kept| kept.seconds);
                Agreement { seconds, refresher: Refresher::Us, mutual: false }
            }
        }
    }

    /// A 422 to an INVITE or UPDATE of ours (§7.3): whether it is worth asking again with what the peer wants.
    pub fn on_too_small(&mut self, response: &Message<'_>) -> bool {
        let Some(theirs) = min_se(response).filter(|theirs| (self.least + 1..=MOST).contains(theirs)) else {
            return false;
        };
        self.least = theirs;
        self.wanted = Ord::max(self.wanted, theirs);
        true
    }

    /// An INVITE or UPDATE was accepted, either way: the interval begins anew.
    pub fn start(&mut self, agreement: Agreement, now: Timestamp) {
        self.running = Some(Running { agreement, since: now, asking: false, again_at: None });
    }

    /// What was settled, if anything.
    pub fn agreement(&self) -> Option<Agreement> {
        self.running.map(|running| running.agreement)
    }

    /// Our refresh is out.
    pub fn asking(&mut self) {
        if let Some(running) = &mut self.running {
            (running.asking, running.again_at) = (true, None);
        }
    }

    /// Our refresh could not be sent or was refused for now: again after this time.
    pub fn later(&mut self, at: Timestamp) {
        if let Some(running) = &mut self.running {
            (running.asking, running.again_at) = (false, Some(at));
        }
    }

    /// Our refresh was refused for good, which at least proves that somebody is there (§7.4).
    pub fn refused(&mut self, now: Timestamp) {
        if let Some(running) = &mut self.running
            && !running.agreement.mutual
        {
            (running.asking, running.since) = (false, now);
        }
    }

    /// When it wants to be called back.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let running = self.running?;
        let ends = running.agreement.mutual.then(|| running.ends_at());
        let refresh = (running.agreement.refresher == Refresher::Us && !running.asking)
            .then(|| running.again_at.unwrap_or_else(|| running.refresh_at()));
        ends.into_iter().chain(refresh).min()
    }

    /// Time passed.
    pub fn on_timer(&self, now: Timestamp) -> RefreshDue {
        let Some(running) = self.running else { return RefreshDue::Nothing };
        let refresh_at = running.again_at.unwrap_or_else(|| running.refresh_at());
        match running.agreement.refresher {
            _ if running.agreement.mutual && now >= running.ends_at() => RefreshDue::Expired,
            Refresher::Us if !running.asking && now >= refresh_at => RefreshDue::Refresh,
            Refresher::Us | Refresher::Them => RefreshDue::Nothing,
        }
    }
}

impl Running {
    fn refresh_at(&self) -> Timestamp {
        self.since + Duration::from_secs(u64::from(self.agreement.seconds / 2))
    }

    /// §10: the BYE goes a little before the session ends.
    fn ends_at(&self) -> Timestamp {
        let seconds = self.agreement.seconds;
        self.since + Duration::from_secs(u64::from(seconds - Ord::min(32, seconds / 3)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

fn parse(value: &[u8]) -> Option<(u32, Option<Role>)> {
    let mut parts = value.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let seconds = number(parts.next()?)?;
    let role = parts.find_map(|parameter| {
        let (name, value) = parameter.split_at(parameter.iter().position(|&b| b == b'=')?);
        let value = value.get(1..)?.trim_ascii();
        match (name.trim_ascii().eq_ignore_ascii_case(b"refresher"), value.to_ascii_lowercase().as_slice()) {
            (true, b"uac") => Some(Role::Uac),
            (true, b"uas") => Some(Role::Uas),
            _ => None,
        }
    });
    Some((seconds, role))
}

fn min_se(message: &Message<'_>) -> Option<u32> {
    number(message.field(Name::MinSe)?.split(|&b| b == b';').next()?.trim_ascii())
}

fn number(digits: &[u8]) -> Option<u32> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// §4: no session interval is shorter.
const LEAST: u32 = 90;
/// A Min-SE above a day is no interval anybody means.
const MOST: u32 = 86_400;

#[cfg(test)]
mod tests;
