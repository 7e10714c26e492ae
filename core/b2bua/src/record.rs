//! The record of a call, as history keeps it. Plain data, made once, when the call ends.

use std::sync::Arc;

use callflow::Envelope;
use routing::attest::Attestation;
use serde::Serialize;
use timestamp::Timestamp;

/// One call from its INVITE to its end.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// `call_…`, sorts by start.
    pub id: Arc<str>,
    /// Owner.
    pub account: Arc<str>,
    /// Account of the connection that it left by, where that is another.
    pub provider: Option<Arc<str>>,
    /// When the INVITE came.
    pub started_at: Timestamp,
    /// When the callee first rang.
    pub ringing_at: Option<Timestamp>,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Address of record or number that called, as in From.
    pub from: Arc<str>,
    /// Display name of the caller.
    pub from_display: Box<str>,
    /// What was dialled, as in the Request-URI.
    pub dialled: Arc<str>,
    /// Connection that called; empty if none.
    pub connection_in: Arc<str>,
    /// Connection that was rung last or answered; empty if none.
    pub connection_out: Arc<str>,
    /// Result in one word.
    pub outcome: CallOutcome,
    /// Final SIP code sent to the caller; 200 when answered.
    pub sip_code: u16,
    /// Reason code; empty when nothing went wrong.
    pub reason_code: &'static str,
    /// The reason in words, with the peer's own text where it gave one.
    pub reason_text: Box<str>,
    /// Q.850 cause carried; 0 if none.
    pub q850: u16,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Configuration revision the decision was made under.
    pub config_rev: u64,
    /// How the caller was identified.
    pub proof: &'static str,
    /// Connections considered, in order.
    pub candidates: Vec<CandidateRecord>,
    /// Every attempt to reach somebody, in the order in which they ended; empty when the first one was answered.
    pub attempts: Vec<AttemptRecord>,
    /// The nodes of flows that the call came by, in order; empty where no flow took it.
    pub flow: Vec<FlowStep>,
    /// What was thought of the signature that came with the call; none where nobody wanted to know.
    pub signature: Option<Signature>,
    /// What we said of the call, where we signed: how far we vouched for the caller id, or `div`.
    pub signed: Option<&'static str>,
    /// The caller's leg, then the callee's that was tried last or answered; after transfers all that took part, in
    /// order.
    pub legs: Vec<LegRecord>,
}

/// A node of a flow that a call came by.
#[derive(Clone, Debug, Serialize)]
pub struct FlowStep {
    /// Id of the flow.
    pub flow: Arc<str>,
    /// The version that the call took.
    pub version: u32,
    /// Id of the node.
    pub node: Box<str>,
    /// Its verb.
    pub verb: &'static str,
    /// When the call came there.
    pub at: Timestamp,
    /// What was asked of the call, in words; none where the flow decided by itself.
    pub asked: Option<Box<str>>,
    /// When it went on.
    pub until: Option<Timestamp>,
    /// By which outcome; none where the call ended there.
    pub outcome: Option<Box<str>>,
}

/// The verdict on a signed caller id (RFC 8224).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// `passed`, `failed` or `none`.
    pub verdict: &'static str,
    /// How far the signer vouches, where the signature is good.
    pub attest: Option<Attestation>,
    /// What is wrong with it, in words.
    pub problem: Box<str>,
}

/// One connection that was considered for the call.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateRecord {
    /// Id of the connection.
    pub connection: Arc<str>,
    /// Whether it was among the destinations.
    pub taken: bool,
    /// Reason code, or `OK`.
    pub reason_code: &'static str,
    /// Why, in words.
    pub text: &'static str,
}

/// One attempt of a call to reach somebody.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptRecord {
    /// Id of the connection.
    pub connection: Box<str>,
    /// Address and transport, `udp:192.0.2.1:5060`; empty if nothing was sent.
    pub address: Box<str>,
    /// When the INVITE was sent, or the target passed over.
    pub started_at: Timestamp,
    /// Its final code; 0 if it gave none.
    pub sip_code: u16,
    /// What it said with that.
    pub sip_text: Box<str>,
    /// Why it did not work, as a reason code; empty where its answer says it all.
    pub reason_code: Box<str>,
    /// The same in words.
    pub reason_text: Box<str>,
    /// From the INVITE to the first provisional answer, in milliseconds.
    pub provisional_ms: Option<u64>,
    /// From the INVITE to its final answer, or to the end of our patience, in milliseconds.
    pub final_ms: Option<u64>,
    /// What followed.
    pub then: Then,
}

/// What followed an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It was answered, and people talked.
    Answered,
    /// It was cancelled: the caller gave up, or another device answered or declined.
    Cancelled,
    /// Nobody else was tried: the caller got this answer, or a better one.
    Ended,
    /// The next was tried.
    Next,
}

/// One leg of a call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LegRecord {
    /// `caller`, `callee`, or `joined` for whoever took a place in the call by Replaces.
    pub role: &'static str,
    /// Call-ID on the wire.
    pub sip_call_id: Box<str>,
    /// Connection; empty if none.
    pub connection: Arc<str>,
    /// Remote address and transport, `udp:192.0.2.1:5060`.
    pub remote: Box<str>,
    /// What the peer calls itself.
    pub user_agent: Arc<str>,
    /// Final code on this leg, 0 if none.
    pub sip_code: u16,
    /// Codec agreed on, first of the answer; empty if none.
    pub codec: Arc<str>,
    /// How its media was protected: `none`, `sdes` or `dtls`.
    pub protection: &'static str,
    /// Its voice was converted for the other side, rather than relayed.
    pub transcoded: bool,
    /// Reason code of why nothing was heard of it; empty if it was heard.
    pub unheard: &'static str,
    /// How what came from it probably sounded: mean opinion by the E-model (ITU-T G.107), estimated.
    pub mos_estimated: Option<f32>,
    /// Counters of its media, when it passed through us.
    pub media: Option<media::Counters>,
}

/// The marker of a call that has begun; history closes it honestly if the process dies.
#[derive(Clone, Debug, Serialize)]
pub struct OpenCall {
    /// `call_…`.
    pub id: Arc<str>,
    /// Owner.
    pub account: Arc<str>,
    /// When the INVITE came.
    pub started_at: Timestamp,
    /// When it was answered, once it was.
    pub answered_at: Option<Timestamp>,
    /// Who called.
    pub from: Arc<str>,
    /// What was dialled.
    pub dialled: Arc<str>,
    /// Connection that called.
    pub connection_in: Arc<str>,
    /// Connection that answered or rings.
    pub connection_out: Arc<str>,
    /// Configuration revision.
    pub config_rev: u64,
}

/// A recording that begins; its audio is the matter of the media plane.
#[derive(Clone, Debug)]
pub struct RecordingBegan {
    /// Its name.
    pub id: media::RecordingId,
    /// What it holds.
    pub kind: RecordingKind,
    /// Owner.
    pub account: Arc<str>,
    /// `call_…`.
    pub call: Arc<str>,
    /// Connection that called; empty if none.
    pub connection_in: Arc<str>,
    /// Connection that answered; empty if none.
    pub connection_out: Arc<str>,
    /// Who called.
    pub from: Arc<str>,
    /// What was dialled.
    pub dialled: Arc<str>,
    /// Id of the flow that wanted it.
    pub flow: Option<Arc<str>>,
    /// Its node.
    pub node: Box<str>,
    /// When it began.
    pub started_at: Timestamp,
    /// 1, or 2 with the caller on the left and the callee on the right.
    pub channels: u8,
    /// Samples per second.
    pub rate: u32,
    /// Where a message belongs.
    pub envelope: Option<Box<Envelope>>,
}

/// What a recording holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingKind {
    /// A talk.
    Call,
    /// What a caller said to a flow.
    Caller,
    /// A message in a mailbox.
    Message,
}

impl RecordingKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Caller => "caller",
            Self::Message => "message",
        }
    }
}

/// Result of a call in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// Somebody or something answered.
    Answered,
    /// The callee was busy.
    Busy,
    /// The caller gave up.
    Cancelled,
    /// Something broke.
    Failed,
    /// Nobody answered.
    NoAnswer,
    /// Policy refused it.
    Refused,
    /// Nobody took it, and the caller could leave a message.
    Voicemail,
}

impl CallOutcome {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
            Self::Voicemail => "voicemail",
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The callee.
    Callee,
    /// The caller.
    Caller,
    /// An operator, through the API.
    Operator,
    /// The process died under it.
    Restart,
    /// We: a limit, a timer, no media.
    System,
}
