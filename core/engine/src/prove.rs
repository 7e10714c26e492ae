//! Checking digest credentials (RFC 7616, RFC 8760): unknown users and wrong passwords cost and look the same.

use core::hash::Hasher;
use std::sync::Arc;

use registrar::NonceUse;
use routing::config::{Connection, Credential, Domain, Kind};
use routing::identify::Identity;
use sip_msg::digest::{Algorithm, verify};
use sip_msg::{Credentials, Message, Name};
use sip_stack::auth::Freshness;
use sip_stack::transport::Flow;
use siphasher::sip::SipHasher13;
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::pass::LABEL;
use crate::shard::Shard;

/// What credentials are worth.
#[derive(Debug)]
pub(crate) enum Proven<'c> {
    /// Right; with the use of the nonce, and the label of the credential.
    Yes(NonceUse, &'c str),
    /// Right, but the nonce is too old.
    Stale,
    /// Wrong, or for an unknown user.
    Wrong,
    /// There are none for this realm.
    Missing,
}

impl Shard {
    /// Checks the credentials that a request carries for a realm, against a connection if there is one.
    pub(crate) fn prove<'c>(
        &self,
        request: &Message<'_>,
        realm: &str,
        connection: Option<&'c Connection>,
        now: Timestamp,
    ) -> Proven<'c> {
        let carried = request.fields(Name::Authorization).chain(request.fields(Name::ProxyAuthorization));
        let mut mine = carried
            .filter_map(Credentials::parse)
            .filter(|c| c.realm.is_some_and(|r| r == realm.as_bytes()) && c.nonce.is_some());
        let Some(credentials) = mine.next() else { return Proven::Missing };
        let algorithm = credentials.algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_bytes);
        let Some(algorithm) = algorithm else { return Proven::Missing };
        let mut known = connection.iter().flat_map(|c| &c.credentials).filter(|k| {
            Some(k.user.as_bytes()) == credentials.username && k.realm == realm && k.is_good(now)
        });
        // The password in force, else the one it replaced: both are computed for unknown users, too.
        let (first, second) = (known.next(), known.next());
        let pass = connection
            .filter(|_| first.is_none())
            .and_then(|connection| self.passes.ha1(connection, credentials.username?, algorithm, realm, now));
        let holds = |known: Option<&'c Credential>| {
            let ha1 = known.map_or(NOBODY, |k| match algorithm {
                Algorithm::Md5 => k.ha1_md5.as_str(),
                Algorithm::Sha256 => k.ha1_sha256.as_str(),
            });
            verify(&credentials, algorithm, ha1.as_bytes(), method_token(request)) & known.is_some()
        };
        let right = if holds(first) { first } else { Some(holds(second)).filter(|holds| *holds).and(second) };
        let label = match pass {
            Some(ha1) => {
                verify(&credentials, algorithm, ha1.as_ref(), method_token(request)).then_some(LABEL)
            }
            None => right.map(|credential| &*credential.label),
        };
        let nonce = credentials.nonce.unwrap_or_default();
        let freshness = self.nonces.check(nonce, realm.as_bytes(), now);
        let Some(label) = label else { return Proven::Wrong };
        match freshness {
            Freshness::Fresh => Proven::Yes(nonce_use(nonce, &credentials, request), label),
            Freshness::Stale => Proven::Stale,
            Freshness::Foreign => Proven::Stale,
        }
    }

    /// The PBX that registers here and whose credentials a request carries: it speaks for callers of its own, so
    /// From does not name it.
    pub(crate) fn speaking_for(&self, request: &Message<'_>, identity: Identity) -> Identity {
        let domain = match &identity {
            Identity::Digest { domain, .. } | Identity::Nobody(Some(domain)) => Arc::clone(domain),
            Identity::Connection { .. }
            | Identity::Account(_)
            | Identity::Nobody(None)
            | Identity::Refused { .. } => return identity,
        };
        let carried = request.fields(Name::Authorization).chain(request.fields(Name::ProxyAuthorization));
        let mut named = carried
            .filter_map(Credentials::parse)
            .filter(|c| c.realm.is_some_and(|realm| realm == domain.realm.as_bytes()))
            .filter_map(|c| self.tables.user(&domain.id, core::str::from_utf8(c.username?).ok()?));
        match named.find(|c| c.kind == Kind::RegisterIn).cloned() {
            Some(connection) => Identity::Digest { connection, domain },
            None => identity,
        }
    }

    /// Asks for credentials: 401 as a registrar, 407 for calls.
    pub(crate) fn challenge(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        domain: Option<&Domain>,
        stale: bool,
        now: Timestamp,
        out: &mut Outbox,
    ) {
        if !self.may_challenge(request, flow.remote, now) {
            return;
        }
        let register = request.method() == sip_msg::Method::Register;
        let (code, name) =
            if register { (401, Name::WwwAuthenticate) } else { (407, Name::ProxyAuthenticate) };
        let realm = domain.map_or("trunkline", |d| d.realm.as_str());
        let algorithms = b2bua::offered(domain, flow.protocol);
        let mark = self.fingerprint(request);
        let salt = self.salt(mark, flow);
        self.reply_marked(request, flow, code, b"", mark, out, |shard, writer| {
            shard.nonces.write(writer, name, realm.as_bytes(), &algorithms, stale, (salt, now));
        });
    }
}

fn nonce_use(nonce: &[u8], credentials: &Credentials<'_>, request: &Message<'_>) -> NonceUse {
    let hex = |text: &[u8]| {
        core::str::from_utf8(text).ok().and_then(|t| u64::from_str_radix(t, 16).ok()).unwrap_or_default()
    };
    let mut hash = SipHasher13::new();
    hash.write(request.call_id());
    hash.write_u32(request.cseq().map_or(0, |(number, _)| number));
    NonceUse {
        made_at: u32::try_from(hex(nonce.get(..8).unwrap_or_default())).unwrap_or(0),
        nonce: hex(nonce.get(8..24).unwrap_or_default()),
        count: credentials.nc.map_or(0, |nc| u32::try_from(hex(nc)).unwrap_or(0)),
        request: hash.finish(),
    }
}

fn method_token<'a>(request: &Message<'a>) -> &'a [u8] {
    match *request.start() {
        sip_msg::StartLine::Request { token, .. } => token,
        sip_msg::StartLine::Response { .. } => b"",
    }
}

/// HA1 of nobody: the work for an unknown user is the same.
const NOBODY: &str = "00000000000000000000000000000000";
