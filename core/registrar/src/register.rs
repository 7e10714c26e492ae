//! Processing of a REGISTER whose sender is known (RFC 3261 §10.3).

use core::time::Duration;
use std::borrow::Cow;

use sip_msg::Message;
use sip_msg::Name;
use sip_msg::build::Writer;
use sip_msg::header::{NameAddr, is_star};
use sip_msg::uri::Uri;
use sip_stack::transport::Flow;
use smallvec::SmallVec;
use timestamp::Timestamp;

use crate::binding::{BindingRow, Registered};
use crate::location::{Change, Location};
use crate::nat::behind_nat;
use crate::push::{PushAsked, push_address};

/// Limits of a registration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Shortest, in seconds; less is answered 423.
    pub min_s: u32,
    /// Granted when nothing is asked for.
    pub default_s: u32,
    /// Longest granted.
    pub max_s: u32,
    /// Contacts per address of record.
    pub contacts: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { min_s: 60, default_s: 300, max_s: 3600, contacts: 10 }
    }
}

/// Why a REGISTER changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// 400.
    Malformed(&'static str),
    /// 423 with Min-Expires.
    TooBrief(u32),
    /// 500: the CSeq went backwards within one Call-ID.
    OutOfOrder,
    /// 403: more contacts than allowed.
    TooMany,
    /// 555: it is to be woken by a push service that is not ours (RFC 8599 §4.1.1).
    PushUnknown,
}

impl Location {
    /// Applies a REGISTER, all of it or nothing, and says what changed.
    pub fn register(
        &mut self,
        connection: &str,
        request: &Message<'_>,
        flow: &Flow,
        credential: &str,
        bounds: &Bounds,
        now: Timestamp,
    ) -> Result<Vec<Change>, Rejection> {
        let mut contacts: SmallVec<[(NameAddr<'_>, Uri<'_>, u32); 2]> = SmallVec::new();
        let default = request.expires().unwrap_or(bounds.default_s);
        let mut star = false;
        for value in request.values(Name::Contact) {
            if is_star(value) {
                star = true;
                continue;
            }
            let contact = NameAddr::parse(value).ok_or(Rejection::Malformed("unreadable Contact"))?;
            let uri = Uri::parse(contact.uri).ok_or(Rejection::Malformed("unreadable Contact URI"))?;
            let asked = contact.expires().unwrap_or(default);
            if asked > 0 && asked < bounds.min_s {
                return Err(Rejection::TooBrief(bounds.min_s));
            }
            // Who sleeps does not refresh: a push will find it for weeks.
            let most = match PushAsked::of(&uri) {
                PushAsked::At(_) => bounds.max_s.max(ASLEEP_MAX_S),
                PushAsked::No | PushAsked::Which => bounds.max_s,
                PushAsked::Unknown => return Err(Rejection::PushUnknown),
            };
            contacts.push((contact, uri, asked.min(most)));
        }
        let (cseq, _) = request.cseq().ok_or(Rejection::Malformed("no CSeq"))?;
        let order = |row: &BindingRow| row.call_id.as_bytes() != request.call_id() || row.cseq <= cseq;
        let mut changes = Vec::new();
        if star {
            if !contacts.is_empty() || request.expires() != Some(0) {
                return Err(Rejection::Malformed("Contact * needs Expires 0 and stands alone"));
            }
            if !self.of(connection, now).iter().all(|row| order(row)) {
                return Err(Rejection::OutOfOrder);
            }
            self.unbind(connection, &|_| true, &mut changes);
            return Ok(changes);
        }
        self.check(connection, &contacts, &order, bounds, now)?;
        for (contact, uri, expires) in &contacts {
            let same = Same::new(contact, uri);
            if *expires == 0 {
                self.unbind(connection, &|row| same.is(row), &mut changes);
                continue;
            }
            let registered = Registered {
                contact: String::from_utf8_lossy(contact.uri),
                instance: same.text(),
                call_id: String::from_utf8_lossy(request.call_id()),
                cseq,
                q: contact.q().unwrap_or(1000),
                expires_at: now + Duration::from_secs(u64::from(*expires)),
                at: now,
                flow: *flow,
                behind_nat: request.via().is_some_and(|via| behind_nat(&via, uri, flow)),
                path: path(request),
                user_agent: request.field(Name::UserAgent).map(|ua| clip(ua, 80)).unwrap_or_default(),
                credential,
            };
            self.bind(connection, &registered, &|stored| same.is(stored), &mut changes);
        }
        Ok(changes)
    }

    /// Everything that can fail is looked at before anything changes.
    fn check(
        &self,
        connection: &str,
        contacts: &[(NameAddr<'_>, Uri<'_>, u32)],
        in_order: &dyn Fn(&BindingRow) -> bool,
        bounds: &Bounds,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let present = self.of(connection, now);
        let mut fresh = 0;
        for (contact, uri, expires) in contacts {
            let same = Same::new(contact, uri);
            match present.iter().find(|row| same.is(row)) {
                Some(row) if !in_order(row) => return Err(Rejection::OutOfOrder),
                None if *expires > 0 => fresh += 1,
                Some(_) | None => {}
            }
        }
        if fresh > 0 && present.len() + fresh > bounds.contacts { Err(Rejection::TooMany) } else { Ok(()) }
    }
}

/// Writes the Contact list of the answer (§10.3 step 8).
pub fn write_contacts(rows: &[&BindingRow], now: Timestamp, writer: &mut Writer<'_>) {
    for row in rows {
        let left =
            u32::try_from(row.expires_at.since(now).as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX);
        let mut digits = [0; 10];
        let expires = sip_stack::transaction::decimal(left, &mut digits);
        let mut q = [b'0', b'.', b'0', b'0', b'0'];
        q[2] += u8::try_from(row.q / 100 % 10).unwrap_or(0);
        q[3] += u8::try_from(row.q / 10 % 10).unwrap_or(0);
        q[4] += u8::try_from(row.q % 10).unwrap_or(0);
        let q: [&[u8]; 2] = if row.q >= 1000 { [b"", b""] } else { [b";q=", &q] };
        let (instance, reg_id) = row.instance.split_once('#').unwrap_or((&row.instance, ""));
        let instance: [&[u8]; 3] = if instance.is_empty() {
            [b"", b"", b""]
        } else {
            [b";+sip.instance=\"", instance.as_bytes(), b"\""]
        };
        let reg_id: [&[u8]; 2] =
            if reg_id.is_empty() { [b"", b""] } else { [b";reg-id=", reg_id.as_bytes()] };
        writer.parts(
            Name::Contact,
            &[
                b"<",
                row.contact.as_bytes(),
                b">;expires=",
                expires,
                q[0],
                q[1],
                instance[0],
                instance[1],
                instance[2],
                reg_id[0],
                reg_id[1],
            ],
        );
    }
}

/// Decides whether a stored binding is the one that a Contact means: by the address at which it is woken (RFC 8599 §5),
/// by instance and reg-id when given (RFC 5626 §6), else by URI comparison (RFC 3261 §19.1.4).
struct Same<'a> {
    push: Option<String>,
    instance: Cow<'a, str>,
    reg_id: Option<Cow<'a, str>>,
    written: &'a [u8],
    uri: &'a Uri<'a>,
}

impl<'a> Same<'a> {
    fn new(contact: &NameAddr<'a>, uri: &'a Uri<'a>) -> Self {
        let quoted = contact.param(b"+sip.instance").unwrap_or_default();
        let instance = quoted.strip_prefix(b"\"").and_then(|q| q.strip_suffix(b"\"")).unwrap_or(quoted);
        let reg_id = contact.param(b"reg-id").filter(|_| !instance.is_empty());
        let instance = String::from_utf8_lossy(instance);
        let push = if let PushAsked::At(address) = PushAsked::of(uri) { Some(address) } else { None };
        Self { push, instance, reg_id: reg_id.map(String::from_utf8_lossy), written: contact.uri, uri }
    }

    /// As it is kept.
    fn text(&self) -> Cow<'a, str> {
        match &self.reg_id {
            Some(reg_id) => format!("{}#{reg_id}", self.instance).into(),
            None => self.instance.clone(),
        }
    }

    fn is(&self, row: &BindingRow) -> bool {
        if self.push.is_some() && push_address(&row.contact) == self.push {
            return true;
        }
        if self.instance.is_empty() || row.instance.is_empty() {
            return row.contact.as_bytes() == self.written
                || Uri::parse(row.contact.as_bytes()).is_some_and(|stored| stored.same_as(self.uri));
        }
        match &self.reg_id {
            Some(reg_id) => {
                let rest = row.instance.strip_prefix(&*self.instance);
                rest.and_then(|rest| rest.strip_prefix('#')) == Some(reg_id)
            }
            None => *self.instance == *row.instance,
        }
    }
}

fn path<'a>(request: &Message<'a>) -> Cow<'a, str> {
    let mut values = request.values(Name::Path);
    let first = values.next().map(String::from_utf8_lossy).unwrap_or_default();
    values.fold(first, |path, value| format!("{path}, {}", String::from_utf8_lossy(value)).into())
}

fn clip(bytes: &[u8], most: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes))
}

/// Longest registration of a device that is woken: what a browser subscribed for lives for weeks.
const ASLEEP_MAX_S: u32 = 30 * 86_400;
