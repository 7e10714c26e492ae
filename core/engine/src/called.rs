//! Who is called: where the number stands in requests of a peer that has registered here, or that we have registered
//! at (`did_in`).

use routing::config::{Connection, DidIn};
use routing::decide::{Addressed, Caller};
use routing::decision::Proof;
use routing::policy::is_service_for_help;
use sip_msg::{Message, NameAddr, Uri};

use crate::shard::Shard;

/// Who is called.
#[derive(Debug)]
pub(crate) struct Called {
    /// User or number, unescaped.
    pub(crate) user: String,
    /// How.
    pub(crate) addressed: Addressed,
}

impl Shard {
    /// Who is called by this caller's request, whose Request-URI has this user.
    pub(crate) fn called(&self, request: &Message<'_>, user: &str, caller: &Caller) -> Called {
        let (connection, proof) = match caller {
            Caller::Connection(connection, proof) => (connection, *proof),
            Caller::Account(_) => return Called { user: user.to_owned(), addressed: Addressed::Directly },
        };
        let elsewhere = if is_service_for_help(request.uri()) { None } else { named(request, connection) };
        let user = elsewhere.unwrap_or_else(|| user.to_owned());
        let addressed = match proof {
            Proof::Contact if self.is_contact_user(connection, &user) => Addressed::ToBareContact,
            Proof::Contact => Addressed::ToContact,
            _ => Addressed::Directly,
        };
        Called { user, addressed }
    }
}

/// The user where the connection says that it stands; `None` if that is the Request-URI, or if it does not stand there.
pub(crate) fn named(request: &Message<'_>, connection: &Connection) -> Option<String> {
    let of = |value: NameAddr<'_>| {
        let mut user = Vec::new();
        Uri::parse(value.uri)?.unescape_user(&mut user);
        String::from_utf8(user).ok().filter(|user| !user.is_empty())
    };
    match connection.did_in {
        DidIn::RequestUri => None,
        DidIn::To => request.to().and_then(of),
        DidIn::PCalledParty => request.named(b"P-Called-Party-ID").and_then(NameAddr::parse).and_then(of),
        DidIn::Contact => connection.register.contact_user.clone(),
    }
}
