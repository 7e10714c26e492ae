//! What an answer says about a peer, and what to do about it.

use sip_msg::{Challenge, Message, Name};

use super::{Finding, Plan, State};
use crate::probe::{Reply, Silence, masked};

/// An answer to OPTIONS: any will do, the code tells more. Some peers `may_be_deaf` to it and still work.
pub(super) fn of_options(reply: Result<Reply, Silence>, may_be_deaf: bool) -> Finding {
    let reply = match reply {
        Ok(reply) => reply,
        Err(silence) => return silent(&silence, may_be_deaf),
    };
    let who = if reply.server.is_empty() { String::new() } else { format!(" from {}", reply.server) };
    let said = format!("{} {}{who} in {:.1} ms", reply.code, reply.reason, reply.took.as_secs_f64() * 1000.0);
    let finding = match reply.code {
        200..=299 => Finding::passed(said),
        401 | 407 => Finding::passed(format!("{said}: it is there and asks for credentials")),
        // RFC 3261 §11.2: the code of an INVITE would be the same.
        403 => Finding::new(
            State::Warning,
            format!("{said}: it is there and does not want us"),
            "Ask the peer to allow our address; calls may be refused the same way.",
        ),
        503 => Finding::new(
            State::Warning,
            format!("{said}: it is there and overloaded or being serviced"),
            "Try again later.",
        ),
        _ => Finding::passed(format!("{said}: it is there, and does not care for OPTIONS")),
    };
    let seen = reply.seen_as.map(|address| format!("; it sees us as {address}"));
    let finding = Finding { detail: finding.detail + seen.as_deref().unwrap_or_default(), ..finding };
    finding.with(masked(&reply.sent), masked(&reply.received))
}

fn silent(silence: &Silence, may_be_deaf: bool) -> Finding {
    let sent = masked(&silence.sent);
    let finding = match &silence.fault {
        Some(fault) if fault.is_refused() => Finding::new(
            State::Failed,
            "the peer's host says that nobody listens on this port",
            "Check port and transport in peers, and that the peer is running.",
        ),
        Some(fault) => Finding::new(
            State::Failed,
            fault.to_string(),
            "Check that the peer speaks SIP on this port and transport.",
        ),
        None if may_be_deaf => Finding::new(
            State::Warning,
            "nothing came back; some peers are silent to OPTIONS and still work",
            "If the next step fails too, check address and firewalls.",
        ),
        None => Finding::new(
            State::Failed,
            "nothing came back",
            "Check address, port and transport in peers, that the peer allows our address, and every firewall between.",
        ),
    };
    finding.with(sent, "")
}

/// An answer to a REGISTER that only reads.
pub(super) fn of_register(plan: &Plan, reply: Result<Reply, Silence>) -> Finding {
    let reply = match reply {
        Ok(reply) => reply,
        Err(silence) => return silent(&silence, false),
    };
    let message = Message::parse(&reply.received).ok();
    let user = plan.user.as_deref().unwrap_or_default();
    let said = format!("{} {}", reply.code, reply.reason);
    let finding = match reply.code {
        200..=299 => {
            let contacts = message.as_ref().map_or(0, |message| message.values(Name::Contact).count());
            Finding::passed(format!(
                "{said}: the credentials are right; {contacts} registered for {user} now"
            ))
        }
        401 | 407 => wrong_password(plan, message.as_ref(), &said),
        403 => Finding::new(
            State::Failed,
            format!("{said}: the registrar does not want us"),
            "Check user and password; some registrars refuse addresses or countries, or block after wrong passwords.",
        ),
        404 => Finding::new(
            State::Failed,
            format!("{said}: the registrar does not know {user}"),
            "Correct the user; it may differ from the name that proves the password (auth_user).",
        ),
        405 | 501 => Finding::new(
            State::Failed,
            format!("{said}: this is no registrar"),
            "Use the registrar's address in peers, or make the connection a trunk.",
        ),
        _ => Finding::new(
            State::Failed,
            format!("{said}: the registrar refuses"),
            "Look at its answer, and at the registrar's own log.",
        ),
    };
    finding.with(masked(&reply.sent), masked(&reply.received))
}

/// Credentials were asked for, and those we have were not taken.
fn wrong_password(plan: &Plan, message: Option<&Message<'_>>, said: &str) -> Finding {
    let challenge = message.and_then(|message| {
        let field =
            message.field(Name::WwwAuthenticate).or_else(|| message.field(Name::ProxyAuthenticate))?;
        Challenge::parse(field)
    });
    let realm = challenge.and_then(|challenge| challenge.realm);
    let realm = String::from_utf8_lossy(realm.unwrap_or_default()).into_owned();
    match &plan.login {
        None => Finding::new(
            State::Failed,
            format!("{said}: it asks for a password, and the connection has none"),
            "Set user and password of the connection as the peer gave them to you.",
        ),
        Some(login) => Finding::new(
            State::Failed,
            format!("{said}: it does not take the password of {} in its realm {realm}", login.user),
            "Enter the password again; the name that proves it may differ from the user (auth_user).",
        ),
    }
}
