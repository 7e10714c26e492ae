//! The seam between whoever drives a call and the call: what is asked of it, and what it tells when that is done.
//!
//! One [`Ask`] at a time; the call answers each with one [`Told`], except those that end it. Every text in an ask is
//! final: variables are filled in.

use core::time::Duration;

use crate::collector::DigitRule;
use crate::run::Ended;
use crate::verb::Outcome;
use crate::voicemail::{Envelope, Post};

/// What a call is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Answer the caller, unless it is answered.
    Answer,
    /// Let the caller hear that it rings, for this long at least.
    Ring(Duration),
    /// Refuse the caller with this code and phrase; an answered call is hung up.
    Reject {
        /// SIP code, 400 to 699.
        code: u16,
        /// Phrase; empty for the usual one.
        phrase: String,
    },
    /// Hang up with this Q.850 cause.
    HangUp {
        /// The cause.
        cause: u8,
    },
    /// Play something to the caller.
    Play(Play),
    /// Let the caller hear a signal.
    Tone {
        /// Which.
        signal: Signal,
        /// For how long.
        length: Duration,
        /// Whether a key ends it.
        stop_on_key: bool,
    },
    /// Wait in silence.
    Pause(Duration),
    /// Play a prompt and take in keys.
    Gather(Gather),
    /// Let somebody else talk with the caller.
    Dial(Dial),
    /// Let the caller talk with everybody else in a room.
    Conference(Box<Conference>),
    /// Let the caller wait for one of several agents.
    Queue(Box<Queue>),
    /// Let the caller wait for somebody who takes it over.
    Park(Box<Park>),
    /// Let the caller talk with somebody who waits elsewhere.
    TakeOver(TakeOver),
    /// Press keys towards the caller.
    Press(Press),
    /// Keep what is said.
    Record(Record),
    /// Have the caller's device call somebody else.
    Refer(Refer),
    /// Something that the call has done by others.
    Errand(Errand),
    /// The flow is over. Whoever was not answered gets the code of the last failure.
    End(Ended),
}

/// Something to hear.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Clip {
    /// What was recorded in a call, by id.
    Recording(Box<str>),
    /// What callers of a mailbox hear first.
    Greeting(Box<str>),
    /// A message in a mailbox, by id.
    Message(Box<str>),
    /// Our own melody, for whoever waits.
    Melody,
    /// A sound of the account, by id or name.
    Sound(Box<str>),
    /// Audio at an address.
    Address(Box<str>),
    /// Words to be spoken.
    Speech {
        /// The words.
        text: Box<str>,
        /// Voice; empty for the usual one.
        voice: Box<str>,
        /// Language; empty for that of the account.
        language: Box<str>,
    },
}

impl Clip {
    /// A sound by its name or id, or the audio at an address.
    pub fn of(text: &str) -> Self {
        match crate::verb::is_address(text) {
            true => Self::Address(text.into()),
            false => Self::Sound(text.into()),
        }
    }

    /// The same, with what stands in for something in its name or words filled in.
    pub fn filled(&self, fill: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Sound(name) => Self::Sound(fill(name).into()),
            Self::Address(url) => Self::Address(fill(url).into()),
            Self::Speech { text, voice, language } => {
                Self::Speech { text: fill(text).into(), voice: voice.clone(), language: language.clone() }
            }
            Self::Melody | Self::Recording(_) | Self::Greeting(_) | Self::Message(_) => self.clone(),
        }
    }
}

/// Something to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// One after the other.
    pub clips: Vec<Clip>,
    /// How often all of it; none for until somebody ends it.
    pub times: Option<u32>,
    /// Whether a key ends it.
    pub stop_on_key: bool,
}

/// Keys to press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// Which; `w` waits for half a second.
    pub digits: Box<str>,
    /// How long each.
    pub tone: Duration,
    /// How long to wait after each.
    pub pause: Duration,
}

/// Keys to take in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// What the caller hears before, and again at every try.
    pub prompt: Vec<Clip>,
    /// Which keys count.
    pub rule: DigitRule,
    /// The variable that gets them.
    pub variable: Box<str>,
}

/// A room, and what the caller is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conference {
    /// Its name, one of the account.
    pub room: String,
    /// Keys that let in; empty for none.
    pub pin: String,
    /// Keys that let in as moderator; empty for none.
    pub moderator_pin: String,
    /// What asks for them.
    pub pin_prompt: Vec<Clip>,
    /// The caller is one without them.
    pub moderator: bool,
    /// The caller hears nobody until a moderator is there.
    pub waits: bool,
    /// It is over for the caller when the last moderator leaves.
    pub ends: bool,
    /// The caller listens only.
    pub muted: bool,
    /// How many may be there.
    pub most: u16,
    /// The room hears when the caller comes and goes.
    pub tones: bool,
    /// What it hears when the caller comes.
    pub announce: Vec<Clip>,
    /// What the caller hears while nobody else is there.
    pub alone: Vec<Clip>,
    /// Whether keys do something.
    pub keys: bool,
}

/// Something to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the caller hears before.
    pub prompt: Vec<Clip>,
    /// Whether a beep follows.
    pub beep: bool,
    /// What is kept.
    pub subject: Subject,
    /// The variable that gets the id of the recording.
    pub variable: Box<str>,
    /// Where it goes once it is over, if that is a mailbox.
    pub envelope: Option<Box<Envelope>>,
}

/// What is kept of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whoever talks from now on, until the call ends.
    Call,
    /// What the caller says now, which is waited for.
    Caller {
        /// When it ends by itself.
        longest: Duration,
        /// How much silence ends it.
        silence: Option<Duration>,
        /// Keys that end it.
        keys: Box<str>,
    },
    /// Nothing any more.
    Nothing,
}

/// Somebody to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom.
    pub to: Vec<Callee>,
    /// In which order.
    pub strategy: Strategy,
    /// How long all of it may take; none for as long as they may ring.
    pub patience: Option<Duration>,
    /// Number to show instead of the caller's.
    pub caller_id: Option<String>,
    /// Name to show instead of the caller's.
    pub caller_name: Option<String>,
    /// The connection on whose behalf calls leave; none for the one that the flow is attached to.
    pub as_connection: Option<String>,
    /// Header fields that callees get.
    pub fields: Vec<(Box<str>, String)>,
    /// Whether the caller hears what callees say before they answer.
    pub early_media: bool,
    /// What whoever answers hears before the talk begins.
    pub whisper: Vec<Clip>,
    /// What whoever answers has to press before the talk begins.
    pub accept: Option<Accept>,
}

/// Somebody whom the caller is handed over to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refer {
    /// Who, and how they are rung where the caller's device cannot be asked to.
    pub dial: Dial,
    /// Nobody is rung: the device does it or nobody.
    pub only: bool,
}

/// In which order several are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other, as they are listed.
    InOrder,
    /// All at once.
    All,
    /// One after the other, in an order that every call draws anew.
    Random,
    /// One after the other, each call beginning with the one after whom the last call began with.
    RoundRobin,
    /// One after the other, whoever has not talked for the longest time first.
    LongestIdle,
}

/// One of those to be rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callee {
    /// Who.
    pub party: Party,
    /// How much later: than the one before, or where all ring at once, than the first.
    pub after: Duration,
    /// How long.
    pub ring: Duration,
}

/// How a callee takes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The key; any other one declines.
    pub key: u8,
    /// How long after the end of what it hears.
    pub patience: Duration,
}

/// A line of callers, and the agents who answer them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name in the account.
    pub name: Box<str>,
    /// Who answers, in order.
    pub agents: Vec<Party>,
    /// Whose turn it is.
    pub turn: Turn,
    /// How long an agent may ring.
    pub ring: Duration,
    /// How long an agent is left alone after a talk.
    pub wrap_up: Duration,
    /// The same after not answering.
    pub retry: Duration,
    /// Callers that may wait at once.
    pub most: u32,
    /// How long one may wait.
    pub patience: Duration,
    /// What they hear, over and over.
    pub music: Vec<Clip>,
    /// Whether they hear ringing where there is no music.
    pub rings: bool,
    /// What they hear of their place: `{position}` and `{minutes}` stand for the numbers.
    pub announce: Vec<Clip>,
    /// How often.
    pub every: Duration,
    /// The key that leaves it.
    pub leave: Option<u8>,
}

/// Where a caller waits for somebody who takes it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Park {
    /// The orbit, or a range of them of which the first free one counts.
    pub orbit: Box<str>,
    /// How long it may wait.
    pub patience: Duration,
    /// What it hears, over and over.
    pub music: Vec<Clip>,
    /// What it hears first: `{orbit}` and `{digits}` stand for the orbit.
    pub announce: Vec<Clip>,
}

/// Whom a caller takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// Whoever waits in this orbit.
    Orbit(Box<str>),
    /// The caller of this call, which waits in any.
    Call(Box<str>),
    /// A caller that rings at this connection, or at any of the account.
    Ringing(Option<Box<str>>),
}

/// Which agent is rung for the caller whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Everybody who is free.
    All,
    /// The first one who is free.
    InOrder,
    /// Who has not talked for the longest time.
    LongestIdle,
    /// One after the other.
    RoundRobin,
}

/// Whom to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A connection, by id.
    Connection(String),
    /// A number or user, as the account dials it.
    Number(String),
    /// A SIP address.
    Uri(String),
}

impl Party {
    /// Its id, number or address.
    pub fn as_str(&self) -> &str {
        let (Self::Connection(text) | Self::Number(text) | Self::Uri(text)) = self;
        text
    }
}

/// A signal of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// One short beep, as before a recording.
    Beep,
    /// The called line is busy.
    Busy,
    /// No line is free.
    Congestion,
    /// What is heard is said back.
    Echo,
    /// 1004 Hz.
    Milliwatt,
    /// The called line rings.
    Ringback,
}

/// Something that others do for a call; it waits meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Something in a mailbox.
    Mailbox(Box<Post>),
    /// An HTTP request whose answer fills variables.
    Fetch {
        /// The request.
        request: Request,
        /// Variables and the JSON pointers (RFC 6901) of their values in the answer.
        wanted: Vec<(Box<str>, Box<str>)>,
    },
    /// An HTTP request whose answer says where the flow goes on.
    Webhook {
        /// The request.
        request: Request,
        /// Outcomes that the answer may name.
        outcomes: Vec<Box<str>>,
    },
    /// A change of what a person wants of calls.
    Person {
        /// A connection of the person.
        connection: String,
        /// `always`, `busy`, `no_answer`, `offline`: where calls go; `dnd`: whether nothing rings.
        set: &'static str,
        /// Where calls go; none for nowhere else.
        to: Option<String>,
        /// Whether nothing rings.
        on: bool,
    },
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Body; empty for none.
    pub body: String,
    /// How long it may take.
    pub patience: Duration,
}

/// What came of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The outcome, one that the verb has.
    pub outcome: Outcome,
    /// Variables that it sets.
    pub set: Vec<(Box<str>, String)>,
}

impl Told {
    /// An outcome that sets nothing.
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, set: Vec::new() }
    }

    /// What it sets a variable to; empty if it does not.
    pub fn get(&self, name: &str) -> &str {
        self.set.iter().find(|(set, _)| **set == *name).map_or("", |(_, value)| value)
    }

    /// The same, with a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set.push((name.into(), value.into()));
        self
    }
}

impl Ask {
    /// The verb that is asked for, as in the table; empty for the end.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Ring(_) => "ring",
            Self::Reject { .. } => "reject",
            Self::HangUp { .. } => "hangup",
            Self::Play(_) => "play",
            Self::Tone { .. } => "tone",
            Self::Pause(_) => "pause",
            Self::Gather(_) => "gather",
            Self::Dial(_) => "dial",
            Self::Conference(_) => "conference",
            Self::Queue(_) => "queue",
            Self::Park(_) => "park",
            Self::Press(_) => "send_dtmf",
            Self::TakeOver(TakeOver::Ringing(_)) => "pickup",
            Self::TakeOver(TakeOver::Orbit(_) | TakeOver::Call(_)) => "retrieve",
            Self::Errand(Errand::Person { .. }) => "person",
            Self::Record(_) => "record",
            Self::Errand(Errand::Mailbox(_)) => "voicemail",
            Self::Refer(_) => "transfer",
            Self::Errand(Errand::Fetch { .. }) => "fetch",
            Self::Errand(Errand::Webhook { .. }) => "webhook",
            Self::End(_) => "",
        }
    }

    /// Whether nothing follows it.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Reject { .. } | Self::HangUp { .. } | Self::End(_))
    }
}
