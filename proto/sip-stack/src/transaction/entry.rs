//! One transaction as the table keeps it: its machine, and the copy it may have to send again.

use sip_msg::build::Writer;
use sip_msg::{Message, Name};
use timestamp::Timestamp;

use super::identity::Identity;
use super::table::decimal;
use super::{InviteClient, InviteServer, NonInviteClient, NonInviteServer};
use crate::transport::Flow;
use crate::{Out, Slot, User};

/// A transaction that we began.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) machine: ClientMachine,
    pub(super) request: Vec<u8>,
    pub(super) flow: Flow,
    pub(super) user: User,
    pub(super) purpose: u8,
    /// The CANCEL that shares this INVITE's branch.
    pub(super) cancel: Option<Slot>,
    /// When an INVITE that was to be cancelled counts as over without a final answer (§9.1).
    pub(super) give_up: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(InviteClient),
    Other(NonInviteClient),
}

/// A transaction that somebody else began.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) machine: ServerMachine,
    pub(super) response: Vec<u8>,
    pub(super) flow: Flow,
    /// Where answers go when the stream of `flow` is gone.
    pub(super) anew: Option<Flow>,
    pub(super) identity: Identity,
    pub(super) merged: Option<Identity>,
    pub(super) user: Option<Slot>,
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

impl Client {
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        let own = match &self.machine {
            ClientMachine::Invite(machine) => machine.next_timeout(),
            ClientMachine::Other(machine) => machine.next_timeout(),
        };
        let give_up = self.give_up.filter(|_| self.is_waiting());
        own.into_iter().chain(give_up).min()
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.machine,
            ClientMachine::Invite(InviteClient::Terminated)
                | ClientMachine::Other(NonInviteClient::Terminated)
        )
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(
            self.machine,
            ClientMachine::Invite(InviteClient::Calling { .. } | InviteClient::Proceeding)
                | ClientMachine::Other(NonInviteClient::Trying { .. } | NonInviteClient::Proceeding { .. })
        )
    }

    pub(super) fn keeps_nothing(&self) -> bool {
        matches!(
            self.machine,
            ClientMachine::Invite(InviteClient::Accepted { .. })
                | ClientMachine::Other(NonInviteClient::Completed { .. })
        )
    }
}

impl Server {
    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.next_timeout(),
            ServerMachine::Other(machine) => machine.next_timeout(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(
            self.machine,
            ServerMachine::Invite(InviteServer::Terminated)
                | ServerMachine::Other(NonInviteServer::Terminated)
        )
    }
}

/// RFC 3261 §17.1.1.3: the ACK for a final answer other than 2xx belongs to the transaction.
pub(super) fn send_ack(client: &Client, response: &Message<'_>, out: &mut dyn Out) {
    let Ok(invite) = Message::parse(&client.request) else { return };
    let start = out.buffer().len();
    write_like_invite(out.buffer(), &invite, b"ACK", response.field(Name::To), None);
    out.send(client.flow, start);
}

/// ACK and CANCEL repeat the INVITE's Request-URI, top Via, From, Call-ID, CSeq number and Route.
pub(super) fn write_like_invite(
    buffer: &mut Vec<u8>,
    invite: &Message<'_>,
    method: &[u8],
    to: Option<&[u8]>,
    reason: Option<&[u8]>,
) {
    let mut writer = Writer::request(buffer, method, invite.uri());
    writer.field(Name::Via, invite.values(Name::Via).next().unwrap_or_default());
    writer.field(Name::MaxForwards, b"70");
    writer.field(Name::From, invite.field(Name::From).unwrap_or_default());
    writer.field(Name::To, to.or_else(|| invite.field(Name::To)).unwrap_or_default());
    writer.field(Name::CallId, invite.call_id());
    let number = invite.cseq().map_or(0, |(number, _)| number);
    let mut digits = [0; 10];
    writer.parts(Name::CSeq, &[decimal(number, &mut digits), b" ", method]);
    writer.copy(invite, Name::Route).copy(invite, Name::SessionId);
    if let Some(reason) = reason {
        writer.field(Name::Reason, reason);
    }
    writer.end();
}
