//! Who sends a request outside of dialogs: identified in the order of the contract, challenged where a password has
//! to prove it, refused where it may not. INVITE, MESSAGE, PUBLISH and SUBSCRIBE are all asked the same.

use registrar::NonceUse;
use routing::caller_id::Proposal;
use routing::decide::Caller;
use routing::decision::Proof;
use routing::identify::{Facts, Identity, after_digest, identify};
use routing::reason::Reason;
use sip_msg::{Message, Name, NameAddr, Scheme, Uri};
use sip_stack::dialog::is_sips;
use sip_stack::transport::Flow;
use timestamp::Timestamp;

use crate::outbox::Outbox;
use crate::prove::Proven;
use crate::register::transport_of;
use crate::shard::Shard;

/// A sender that is known.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// What the request says of its parties.
    pub(crate) parties: Parties,
    /// Who it is.
    pub(crate) caller: Caller,
    /// The nonce that proved it; its home has to admit it.
    pub(crate) nonce: Option<NonceUse>,
}

/// The parties of a request, unescaped.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    pub(crate) from_user: String,
    pub(crate) from_host: String,
    pub(crate) called_user: String,
    pub(crate) called_host: String,
    pub(crate) display: String,
    /// User parts of P-Asserted-Identity and Remote-Party-ID, the first to be tried first.
    pub(crate) asserted: Vec<String>,
}

impl Parties {
    /// What the sender proposes to be known as.
    pub(crate) fn proposal(&self) -> Proposal<'_> {
        Proposal { from: &self.from_user, asserted: &self.asserted }
    }
}

impl Shard {
    /// Who sends this request; `None` if it was answered because nobody may.
    pub(crate) fn sender(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Option<Sender> {
        let sender = self.identified(request, flow, now, out)?;
        let connection = sender.connection().cloned();
        let certified = connection.as_ref().map_or(Ok(()), |connection| self.certified(connection, flow));
        match certified.and_then(|()| as_secure_as_asked(request, flow)) {
            Ok(()) => {
                if let Some(connection) = &connection {
                    self.learn_alias(connection, request, flow);
                }
                Some(sender)
            }
            Err(reason) => {
                self.refuse(request, flow, reason, connection.as_deref(), now, out);
                None
            }
        }
    }

    /// Who it is by address, mark or password.
    fn identified(
        &mut self,
        request: &Message<'_>,
        flow: &Flow,
        now: Timestamp,
        out: &mut Outbox,
    ) -> Option<Sender> {
        let Some(parties) = parties(request) else {
            self.reply(request, flow, 400, b"unreadable From or Request-URI", &[], out);
            return None;
        };
        let contact_of = self.contact_owner(request, flow.remote.ip());
        let facts = Facts {
            source: flow.remote.ip(),
            transport: transport_of(flow.protocol),
            from_user: &parties.from_user,
            from_host: &parties.from_host,
            called_user: &parties.called_user,
            called_host: &parties.called_host,
            contact_of: contact_of.as_ref(),
        };
        match self.speaking_for(request, identify(&self.tables, &facts)) {
            Identity::Connection { connection, proof } => {
                let caller = Caller::Connection(connection, proof);
                return Some(Sender { parties, caller, nonce: None });
            }
            Identity::Account(account) => {
                return Some(Sender { parties, caller: Caller::Account(account), nonce: None });
            }
            Identity::Digest { connection, domain } => {
                if self.must_wait(request, flow, Some(&connection), now, out) {
                    return None;
                }
                match self.prove(request, &domain.realm, Some(&connection), now) {
                    Proven::Yes(used, _) => match after_digest(&connection, facts.source, facts.transport) {
                        Ok(()) => {
                            self.note_right(&connection, flow);
                            let caller = Caller::Connection(connection, Proof::Digest);
                            return Some(Sender { parties, caller, nonce: Some(used) });
                        }
                        Err(reason) => self.refuse(request, flow, reason, Some(&connection), now, out),
                    },
                    Proven::Missing => self.challenge(request, flow, Some(&domain), false, now, out),
                    Proven::Stale => self.challenge(request, flow, Some(&domain), true, now, out),
                    Proven::Wrong => {
                        let reason = Reason::WrongPassword;
                        self.note_wrong(request, flow, Some(&connection), now, out);
                        self.note_refusal(request, flow, reason, Some(&connection), 407, now, out);
                        self.challenge(request, flow, Some(&domain), false, now, out);
                    }
                }
            }
            Identity::Nobody(domain) => {
                if self.must_wait(request, flow, None, now, out) {
                    return None;
                }
                let realm = domain.as_ref().map_or("trunkline", |d| d.realm.as_str());
                match self.prove(request, realm, None, now) {
                    Proven::Missing => self.note_stranger(request, flow, now, out),
                    Proven::Wrong | Proven::Stale | Proven::Yes(..) => {
                        self.note_wrong(request, flow, None, now, out);
                        self.note_refusal(request, flow, Reason::UnknownUser, None, 407, now, out);
                    }
                }
                self.challenge(request, flow, domain.as_deref(), false, now, out);
            }
            Identity::Refused { connection, reason } => {
                self.refuse(request, flow, reason, connection.as_deref(), now, out);
            }
        }
        None
    }
}

/// Whether a request for a `sips:` address came over TLS (RFC 3261 §26.2.1).
pub(crate) fn as_secure_as_asked(request: &Message<'_>, flow: &Flow) -> Result<(), Reason> {
    if is_sips(request.uri()) && !flow.protocol.is_secure() { Err(Reason::NotSecure) } else { Ok(()) }
}

/// The parties of a request, if From and Request-URI can be read.
pub(crate) fn parties(request: &Message<'_>) -> Option<Parties> {
    let from: NameAddr<'_> = request.from()?;
    let from_uri = request.from_uri()?;
    let called = request.parsed_uri()?;
    Some(Parties {
        from_user: unescaped(&from_uri)?,
        from_host: text(from_uri.host)?,
        called_user: dialled(&called, request.uri())?,
        called_host: text(called.host)?,
        display: String::from_utf8_lossy(from.display).replace(['"', '\\', '\r', '\n'], ""),
        asserted: asserted(request),
    })
}

/// Who the sender says it is besides From: PAI, then RPID (RFC 3325 §9.1); an address without a user says nothing.
fn asserted(request: &Message<'_>) -> Vec<String> {
    let values = request.values(Name::PAssertedIdentity).chain(request.values(Name::RemotePartyId));
    let users = values.filter_map(NameAddr::parse).filter_map(|value| unescaped(&Uri::parse(value.uri)?));
    users.filter(|user| !user.is_empty() && user != "anonymous").take(MOST_ASSERTED).collect()
}

/// The user that is called; a number of a `tel:` URI without its visual separators (RFC 3966 §5.1.1), a service URN
/// as a whole.
fn dialled(uri: &Uri<'_>, whole: &[u8]) -> Option<String> {
    if uri.scheme == Scheme::Other {
        return text(whole);
    }
    let mut user = unescaped(uri)?;
    if uri.scheme == Scheme::Tel {
        user.retain(|symbol| !matches!(symbol, '-' | '.' | '(' | ')'));
    }
    Some(user)
}

fn unescaped(uri: &Uri<'_>) -> Option<String> {
    let mut user = Vec::new();
    uri.unescape_user(&mut user);
    String::from_utf8(user).ok()
}

fn text(bytes: &[u8]) -> Option<String> {
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// Identities read of one request: a sip: and a tel: URI are all that RFC 3325 §9.1 knows.
const MOST_ASSERTED: usize = 3;
