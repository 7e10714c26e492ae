//! What the office asks a shard, what it answers, and what a shard announces. Closed enums of plain data.

mod explained;
mod queues;
mod stored;

use std::net::SocketAddr;
use std::sync::Arc;

use b2bua::FlowStep;
use guard::{Ban, Evidence};
use ipnet::IpNet;
pub use presence::message_summary::Waiting;
use routing::config::{AccountId, ConnectionId};
pub use routing::near::NearMiss;
pub use routing::policy::Usage;
use serde::Serialize;
pub use stored::{StoredRecording, StoredVoicemail};
use timestamp::Timestamp;

pub use crate::figures::Figures;
pub use crate::rooms::{ConferenceNews, ConferenceOrder, ConferenceView, ParticipantView};
use crate::suspicion::BanOrder;
pub use crate::waiting::Summary;
pub use explained::{ClueView, DecisionView, ExplainQuery, ExplainView};
pub use queues::{QueueAgent, QueueCaller, QueueEvent, QueueView};

/// A question or an order, answered by [`Answer`] under the same number.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The calls in progress.
    Calls,
    /// End a call; answered with [`Answer::Done`] or [`Answer::NotFound`].
    Hangup {
        /// `call_…`.
        call: Arc<str>,
    },
    /// Hand one side of an established call over to somebody else; answered with [`Answer::Done`],
    /// [`Answer::NotFound`] or [`Answer::NotNow`].
    Transfer {
        /// `call_…`.
        call: Arc<str>,
        /// User, `user@domain` or number.
        to: Box<str>,
        /// Whether the caller stays, and whoever it reached leaves; else the other way round.
        caller_stays: bool,
    },
    /// Conferences in progress, and who is in them.
    Conferences,
    /// Do something about a conference; answered with [`Answer::Done`], [`Answer::NotFound`] or [`Answer::NotNow`].
    Confer {
        /// `cnf_…`.
        conference: Box<str>,
        /// The call of one who is there; none for all of them.
        call: Option<Box<str>>,
        /// What.
        order: ConferenceOrder,
    },
    /// Record the talk of a call, or stop that; answered with [`Answer::Recording`], [`Answer::NotFound`] or
    /// [`Answer::NotNow`].
    Record {
        /// `call_…`.
        call: Arc<str>,
        /// Whether it begins.
        start: bool,
    },
    /// State and registrations of these connections.
    Status {
        /// Which.
        connections: Vec<ConnectionId>,
    },
    /// How much of their limits accounts use, and the installation; each answered by its home.
    LimitsUsed {
        /// Which accounts.
        accounts: Vec<AccountId>,
        /// Whether the installation's are wanted.
        installation: bool,
    },
    /// The queues, and who waits in them; each answered by its home.
    Queues,
    /// What would happen to a call.
    Explain(ExplainQuery),
    /// Counters for metrics.
    Figures,
    /// Put bans in force or take them away.
    Bans(BanOrder),
    /// Register there now, whatever was planned; answered with [`Answer::Done`] by the connection's home.
    RegisterNow {
        /// Which.
        connection: ConnectionId,
    },
    /// Take a connection for down until then, or with no time no longer; answered with [`Answer::Done`] by its home.
    Rehearse {
        /// Which.
        connection: ConnectionId,
        /// Seconds from now.
        seconds: Option<u32>,
    },
    /// So many messages wait for these connections; answered with [`Answer::Done`].
    MessagesWaiting(Vec<Summary>),
    /// Take no new calls from now on.
    Drain,
    /// End every call now.
    EndAll,
}

/// The answer to an [`Ask`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// Calls in progress.
    Calls(Vec<CallView>),
    /// Conferences at home there, and those of its calls that are in one.
    Conferences(Vec<ConferenceView>, Vec<ParticipantView>),
    /// Done.
    Done,
    /// There is no such thing.
    NotFound,
    /// There is, but it cannot be done to it now.
    NotNow,
    /// The recording that goes on, or went on until now.
    Recording(media::RecordingId),
    /// State per connection asked for.
    Status(Vec<StatusView>),
    /// How much of their limits those use that live here, by id.
    LimitsUsed(Vec<(Box<str>, Vec<Usage>)>),
    /// Queues at home here.
    Queues(Vec<QueueView>),
    /// What would happen.
    Explained(ExplainView),
    /// Counters.
    Figures(Box<Figures>),
    /// How many messages each ban has dropped.
    Dropped(Vec<(Box<str>, u64)>),
}

/// A call in progress.
#[derive(Clone, Debug, Serialize)]
pub struct CallView {
    /// `call_…`.
    pub id: Arc<str>,
    /// Owner.
    pub account: Arc<str>,
    /// `trying`, `ringing`, `early`, `established`, `held`, `ending`.
    pub state: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// Who calls.
    pub from: Arc<str>,
    /// What was dialled.
    pub dialled: Arc<str>,
    /// Connection that calls.
    pub connection_in: Arc<str>,
    /// Connection that rings or answered.
    pub connection_out: Arc<str>,
    /// Nodes of flows that it has come by, the one it is at last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<FlowStep>,
}

/// What is known of a connection right now.
#[derive(Clone, Debug, Serialize)]
pub struct StatusView {
    /// The connection.
    pub connection: ConnectionId,
    /// `up`, `down`, `degraded`, `unknown` or `disabled`.
    pub state: &'static str,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Last final answer of the peer.
    pub last_response: Option<LastResponse>,
    /// Why its peer could not be reached by a stream, while nothing better is known.
    pub problem: Option<Box<str>>,
    /// When we register there again, or probe it again while it is down.
    pub next_attempt_at: Option<Timestamp>,
    /// Until when a rehearsal takes it for down.
    pub rehearsal_until: Option<Timestamp>,
    /// Contacts registered.
    pub registrations: Vec<RegistrationView>,
    /// Calls it takes part in.
    pub active_calls: u32,
    /// A device that tries to be this connection with a wrong password.
    pub wrong_password: Option<WrongPassword>,
    /// Its limits, and how much of each is used.
    pub limits: Vec<Usage>,
}

/// A device with a wrong password saved.
#[derive(Clone, Debug, Serialize)]
pub struct WrongPassword {
    /// From where it tries.
    pub source: SocketAddr,
    /// What it calls itself.
    pub user_agent: Box<str>,
    /// How often it tried.
    pub tries: u32,
    /// Whether it was the same device every time.
    pub same_device: bool,
    /// The first try.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
}

impl WrongPassword {
    pub(crate) fn of(mistake: &guard::Mistake) -> Self {
        Self {
            source: mistake.source,
            user_agent: mistake.user_agent.clone(),
            tries: mistake.tries,
            same_device: mistake.same_device,
            first_at: mistake.first_at,
            last_at: mistake.last_at,
        }
    }
}

/// The last final answer of a peer.
#[derive(Clone, Debug, Serialize)]
pub struct LastResponse {
    /// SIP code.
    pub code: u16,
    /// Reason phrase.
    pub reason: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// A registered contact as people see it.
#[derive(Clone, Debug, Serialize)]
pub struct RegistrationView {
    /// Contact URI.
    pub contact: Box<str>,
    /// Where it registered from.
    pub source: SocketAddr,
    /// `udp`, `tcp`, …
    pub transport: Box<str>,
    /// What the device calls itself.
    pub user_agent: Box<str>,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Label of the credential used.
    pub credential: Box<str>,
    /// Whether its stream is gone, and a push is to wake it.
    pub asleep: bool,
}

/// Something that happened, for `/events` and webhooks.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub account: Arc<str>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
pub enum Happening {
    /// A call began.
    #[serde(rename = "call.started")]
    CallStarted(CallView),
    /// A callee rings.
    #[serde(rename = "call.ringing")]
    CallRinging(CallView),
    /// A call was answered.
    #[serde(rename = "call.answered")]
    CallAnswered(CallView),
    /// One party of a call handed over, and somebody else is there in its place.
    #[serde(rename = "call.transferred")]
    CallTransferred {
        /// Its view after that.
        #[serde(flatten)]
        call: CallView,
        /// Connection of whoever handed over; empty if it is none, or had left.
        by: Box<str>,
        /// User or number it led to.
        to: Box<str>,
    },
    /// One side of an answered call is not heard.
    #[serde(rename = "call.unheard")]
    CallUnheard {
        /// Its view.
        #[serde(flatten)]
        call: CallView,
        /// Which side, and why.
        mute: b2bua::Mute,
    },
    /// A call ended.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// Its view at the end.
        #[serde(flatten)]
        call: CallView,
        /// Final SIP code.
        sip_code: u16,
        /// Reason code.
        reason_code: &'static str,
    },
    /// A conference began.
    #[serde(rename = "conference.started")]
    ConferenceStarted(ConferenceNews),
    /// Somebody came to a conference.
    #[serde(rename = "conference.joined")]
    ConferenceJoined(ConferenceNews),
    /// Somebody left a conference.
    #[serde(rename = "conference.left")]
    ConferenceLeft(ConferenceNews),
    /// The last one left a conference.
    #[serde(rename = "conference.ended")]
    ConferenceEnded(ConferenceNews),
    /// Policy refused a request. Told once in a while of each source; `/refused` has them all, folded.
    #[serde(rename = "call.refused")]
    CallRefused(Box<Refusal>),
    /// An emergency number was dialled.
    #[serde(rename = "call.emergency")]
    CallEmergency(EmergencyCall),
    /// A caller waits in a queue.
    #[serde(rename = "queue.joined")]
    QueueJoined(QueueEvent),
    /// An agent answered a caller.
    #[serde(rename = "queue.answered")]
    QueueAnswered(QueueEvent),
    /// A caller left a queue without having been answered.
    #[serde(rename = "queue.left")]
    QueueLeft(QueueEvent),
    /// A limit is nearly reached. Told once in its window, and not more than once an hour.
    #[serde(rename = "limit.warning")]
    LimitWarning(LimitWarning),
    /// A contact registered for the first time.
    #[serde(rename = "registration.added")]
    RegistrationAdded {
        /// The connection.
        connection: Box<str>,
        /// The contact.
        contact: Box<str>,
        /// From where.
        source: SocketAddr,
    },
    /// A contact is gone.
    #[serde(rename = "registration.removed")]
    RegistrationRemoved {
        /// The connection.
        connection: Box<str>,
        /// The contact.
        contact: Box<str>,
        /// Whether it lapsed rather than left.
        expired: bool,
    },
    /// A registration of ours failed, and had not before.
    #[serde(rename = "registration.failed")]
    RegistrationFailed {
        /// The connection.
        connection: Box<str>,
        /// The registrar's answer; 408 if there was none.
        code: u16,
        /// What it says, or what we make of it.
        reason: Box<str>,
        /// When it is tried again.
        next_attempt_at: Option<Timestamp>,
    },
    /// A registration of ours that had failed is in force again.
    #[serde(rename = "registration.recovered")]
    RegistrationRecovered {
        /// The connection.
        connection: Box<str>,
    },
    /// A rehearsal of failover began: the connection is taken for down.
    #[serde(rename = "rehearsal.started")]
    RehearsalStarted {
        /// The connection.
        connection: Box<str>,
        /// Until when.
        until: Timestamp,
    },
    /// A rehearsal of failover is over.
    #[serde(rename = "rehearsal.ended")]
    RehearsalEnded {
        /// The connection.
        connection: Box<str>,
    },
    /// A source is banned, or excepted from that.
    #[serde(rename = "ban.added")]
    BanAdded(Box<Ban>),
    /// The time of a ban, or of an exception, is over.
    #[serde(rename = "ban.lapsed")]
    BanLapsed(Box<Ban>),
    /// A ban was taken back.
    #[serde(rename = "ban.removed")]
    BanRemoved(Box<Ban>),
    /// A source guesses at passwords where devices of ours are registered, or a peer is: it is slowed only.
    #[serde(rename = "ban.withheld")]
    BanWithheld {
        /// The source.
        network: IpNet,
        /// What it tried.
        evidence: Evidence,
    },
    /// A message was left in a mailbox.
    #[serde(rename = "voicemail.stored")]
    VoicemailStored(Box<StoredVoicemail>),
    /// A recording is on disk.
    #[serde(rename = "recording.stored")]
    RecordingStored(Box<StoredRecording>),
    /// A recording could not be kept.
    #[serde(rename = "recording.failed")]
    RecordingFailed(Box<StoredRecording>),
    /// An endpoint for events took nothing for days and is disabled.
    #[serde(rename = "webhook.disabled")]
    WebhookDisabled {
        /// The endpoint.
        webhook: Box<str>,
        /// Where it is.
        url: Box<str>,
        /// Why.
        reason: Box<str>,
    },
    /// A device has a wrong password saved.
    #[serde(rename = "device.wrong_password")]
    WrongPassword {
        /// The connection it tries to be.
        connection: Box<str>,
        /// The device.
        #[serde(flatten)]
        what: WrongPassword,
    },
    /// A peer does not answer any more.
    #[serde(rename = "connection.down")]
    ConnectionDown {
        /// The connection.
        connection: Box<str>,
    },
    /// A peer that was down answers.
    #[serde(rename = "connection.up")]
    ConnectionUp {
        /// The connection.
        connection: Box<str>,
    },
}

/// An emergency number was dialled.
#[derive(Clone, Debug, Serialize)]
pub struct EmergencyCall {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub account: Box<str>,
    /// The connection that calls; empty if it is none.
    pub connection: Box<str>,
    /// Who calls.
    pub from: Box<str>,
    /// The number.
    pub dialled: Box<str>,
    /// The connections that are tried, in order; none is a reason for alarm.
    pub ways: Vec<ConnectionId>,
}

/// A limit that is nearly reached.
#[derive(Clone, Debug, Serialize)]
pub struct LimitWarning {
    /// Whose: `connection con_…`, `account acc_…` or `system`.
    pub resource: Box<str>,
    /// The field of the limit.
    pub limit: &'static str,
    /// How much of it is used.
    pub used: u32,
    /// How much there is.
    pub max: u32,
}

/// One line in the log of a connection's registrations: a change of state or a failure, never a mere refresh.
#[derive(Clone, Debug, Serialize)]
pub struct RegistrationLogRow {
    /// When.
    pub at: Timestamp,
    /// The connection.
    pub connection: Box<str>,
    /// Whose.
    pub account: Box<str>,
    /// `out`: we registered there; `in`: it registered here.
    pub direction: &'static str,
    /// `registered`, `refreshed` (the first time), `failed`, `unregistered` or `expired`.
    pub event: &'static str,
    /// The answer's code; 0 where nothing was answered.
    pub code: u16,
    /// Why, in words.
    pub reason: Box<str>,
    /// The other end.
    pub target: Box<str>,
    /// The contact.
    pub contact: Box<str>,
    /// Seconds granted.
    pub expires_s: u32,
    /// Milliseconds from the request to its answer.
    pub elapsed_ms: u64,
}

/// A request that policy refused; the store folds them by source, method and reason.
#[derive(Clone, Debug, Serialize)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Whose, once known; else empty.
    pub account: Box<str>,
    /// From where.
    pub source: SocketAddr,
    /// Transport, lower case.
    pub transport: &'static str,
    /// SIP method.
    pub method: &'static str,
    /// From URI.
    pub from: Box<str>,
    /// Request-URI.
    pub to: Box<str>,
    /// What the sender calls itself.
    pub user_agent: Box<str>,
    /// Answer sent.
    pub sip_code: u16,
    /// Why.
    pub reason: routing::reason::Reason,
    /// What would have been right.
    pub near_misses: Vec<NearMiss>,
}
