//! A call that a flow takes: the run says what is wanted, the call does it and tells what came of it.
//!
//! This file begins, goes on and ends; `attendant/listen` plays and takes in keys, `attendant/record` keeps
//! what it says, `attendant/ring` rings others, `attendant/confer` is in a room. What
//! verbs mean is the matter of `callflow`: whatever else drives a call asks for the same.

mod confer;
mod enter;
mod errand;
mod feature;
mod flows;
mod listen;
mod park;
mod queue;
mod record;
mod refer;
mod replace;
mod ring;
mod screen;
mod send_dtmf;
mod succeed;
mod take_over;
mod voicemail;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use callflow::{Ask, Collector, Conference, Ended, Facts, Outcome, Published, Run, Told, World};
use media::{RecordingId, Twice};
use routing::config::{Account, AccountId, CallFlow, Connection};
use routing::decision::{Attached, Decision};
use routing::reason::Reason;
use sip_msg::{NameAddr, Uri};
use sip_stack::User;
use sip_stack::timer::Timer;
use timestamp::Timestamp;

use confer::Conferring;
pub(crate) use enter::{Entered, Entering};
pub use errand::{Brought, Errand, Wanted};
pub use flows::Flows;
use park::Parked;
pub use park::{OrbitAsk, OrbitTold};
use queue::Queueing;
pub use queue::{QueueAsk, QueueTerms, QueueTold};
use record::{Kept, TakingDown};
use refer::Referring;
use ring::Ringing;
pub(crate) use screen::Screening;
use send_dtmf::Pressing;
pub(crate) use succeed::Succession;

use crate::anchor::Keypad;
use crate::branch::Presentation;
use crate::call::{Call, Final, Phase, timers};
use crate::means::Means;
use crate::record::{EndedBy, FlowStep};

/// A call's way through a flow, and what the call is doing about it.
#[derive(Debug)]
pub(crate) struct Attendant {
    /// Where the call was before, by another flow.
    earlier: Vec<FlowStep>,
    run: Run,
    flow: Arc<CallFlow>,
    /// The connection that the flow is attached to.
    connection: Option<Arc<Connection>>,
    doing: Doing,
    /// When what it is doing ends by itself, or has to be looked at.
    until: Option<Timestamp>,
    /// Whom it rings while the caller is not answered.
    pub(crate) decision: Option<Box<Decision>>,
    /// What callees see of the caller.
    presentation: Presentation,
    /// How the last attempt to reach somebody failed.
    failed: Option<Final>,
    /// Number of what was last begun to be played, or asked of others.
    serial: u32,
    /// The room that the caller is in.
    room: Option<Box<Conferring>>,
    /// What is to be heard, for a caller whose description has yet to come.
    hears: Option<media::Source>,
    /// What was asked last, if it is to be begun anew for whoever takes the caller's place.
    asked: Option<Ask>,
    /// What came of it while the caller gives its place away: the flow is told when that is settled.
    untold: Option<Told>,
    /// The caller has described itself, and we listen.
    is_heard: bool,
    /// How it presses keys, as far as it is listened to.
    keypad: Option<Keypad>,
    /// Its keys that are told in two ways.
    twice: Twice,
    /// The queue that it waits in, or whose agent it talks with.
    queueing: Option<Box<Queueing>>,
    /// Who talks with the caller, where others are to know how long ago that was.
    agent: Option<Box<str>>,
}

/// What the call is doing about an ask.
#[derive(Debug)]
enum Doing {
    /// Nothing yet, or nothing any more.
    Nothing,
    /// It waits for a time to pass, and then tells this. A key ends it if the flag says so.
    Waiting(Outcome, bool),
    /// It waits for what others do or bring.
    Awaiting(Purpose),
    /// It plays; a key ends it if the flag says so.
    Playing(bool),
    /// It takes in keys.
    Gathering(Box<Gathering>),
    /// It records the caller.
    Recording(Box<TakingDown>),
    /// It presses keys.
    Pressing(Box<Pressing>),
    /// It waits for somebody who takes it over.
    Parked(Box<Parked>),
    /// It waits in a queue.
    Queueing,
    /// It waits for how the caller's device fares with whom it was handed over to.
    Referring(Box<Referring>),
    /// It rings others.
    Ringing(Box<Ringing>),
    /// The caller is in a room, or about to be.
    Conferring,
    /// It looks for somebody who waits elsewhere, and reaches out for it.
    Seeking,
    /// The caller talks with somebody; what the flow is told when that is over.
    Talking(Outcome),
}

impl Doing {
    /// The recording of the caller that it waits for.
    fn recording(&self) -> Option<RecordingId> {
        match self {
            Self::Recording(taking) => taking.recording(),
            Self::Awaiting(Purpose::Recording(kept)) => Some(kept.id),
            Self::Awaiting(_)
            | Self::Nothing
            | Self::Waiting(..)
            | Self::Playing(_)
            | Self::Gathering(_)
            | Self::Parked(_)
            | Self::Pressing(_)
            | Self::Queueing
            | Self::Referring(_)
            | Self::Ringing(_)
            | Self::Conferring
            | Self::Seeking
            | Self::Talking(_) => None,
        }
    }
}

/// What something was asked of others for.
#[derive(Debug)]
enum Purpose {
    /// Audio to be played so often, and whether a key ends it.
    Play(Option<u32>, bool),
    /// A recording to be on disk.
    Recording(Kept),
    /// The answer is the outcome.
    Answer,
}

/// Keys being taken in.
#[derive(Debug)]
struct Gathering {
    collector: Collector,
    prompt: Vec<callflow::Clip>,
    /// The prompt, once it was brought.
    audio: Option<Arc<[i16]>>,
    variable: Box<str>,
    /// They are to let the caller into this room.
    room: Option<Box<Conference>>,
}

/// What a run finds around it.
struct Around<'m> {
    flows: &'m Flows,
    flow: &'m CallFlow,
    account: Option<&'m Account>,
}

impl fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").field("flow", &self.flow.id).finish_non_exhaustive()
    }
}

impl World for Around<'_> {
    fn local(&self, zone: Option<&str>, at: Timestamp) -> u64 {
        let named = zone.and_then(|name| self.flow.zones.get(name));
        match named.or_else(|| Some(&*self.account?.zone)) {
            Some(zone) => zone.local(at),
            None => at.as_secs(),
        }
    }

    fn flow(&self, id: &str) -> Option<Arc<Published>> {
        self.flows.published(id).filter(|_| self.flows.account(id) == Some(&self.flow.account))
    }
}

impl Attendant {
    /// Whose flow it is.
    fn account(&self) -> &AccountId {
        &self.flow.account
    }

    fn around<'m>(flow: &'m CallFlow, means: &'m Means<'_>) -> Around<'m> {
        Around { flows: means.flows, flow, account: means.tables.account(&flow.account).map(AsRef::as_ref) }
    }

    /// What whoever is put on hold hears, if the flow says so.
    pub(crate) fn hold_music(&self) -> Option<String> {
        let named = self.run.variables().value("hold_music");
        (!named.is_empty()).then(|| named.to_owned())
    }

    /// Where the call has been, for the record.
    fn path(&self) -> Vec<FlowStep> {
        let step = |step: &callflow::Step| FlowStep {
            flow: Arc::clone(step.flow()),
            version: step.version(),
            node: step.node().into(),
            verb: step.verb(),
            at: step.at,
            asked: step.asked.clone(),
            until: step.until,
            outcome: step.outcome.as_ref().map(|outcome| outcome.as_str().into()),
        };
        let steps = self.run.path().iter().map(step);
        self.earlier.iter().cloned().chain(steps).take(MOST_RECORDED).collect()
    }
}

impl Call {
    /// The flow takes the call.
    pub(crate) fn attend(&mut self, attached: &Attached, means: &mut Means<'_>) {
        let Some(published) = means.flows.published(attached.flow.id.as_str()) else {
            self.refuse(Reason::FlowNotPublished, EndedBy::System, means);
            return;
        };
        self.attend_as(published, Arc::clone(&attached.flow), attached.connection.clone(), means);
    }

    /// The same, by this version.
    pub(super) fn attend_as(
        &mut self,
        published: Arc<Published>,
        flow: Arc<CallFlow>,
        attached: Option<Arc<Connection>>,
        means: &mut Means<'_>,
    ) {
        let ask = self.enter(published, flow, attached, means);
        self.carry_on(ask, means);
    }

    /// A flow begins; what it asks first.
    fn enter(
        &mut self,
        published: Arc<Published>,
        flow: Arc<CallFlow>,
        attached: Option<Arc<Connection>>,
        means: &mut Means<'_>,
    ) -> Ask {
        let (caller, name) = self.facts();
        let connection = self.connection_in().map(|connection| connection.id.clone());
        let entering = self.handover.entering.take();
        let facts = Facts {
            call: &self.id,
            caller: &caller,
            caller_name: &name,
            called: entering.as_ref().map_or(&self.decision.called, |entering| entering.called()),
            connection: connection.as_ref().map_or("", |id| id.as_str()),
            attached: attached.as_ref().map_or("", |row| row.id.as_str()),
        };
        let presentation = self.invite.as_ref().map(|invite| invite.presentation.clone()).unwrap_or_default();
        let mut run = Run::new(published, &facts, means.now);
        let ask = run.begin(&Attendant::around(&flow, means), means.now);
        let earlier = self.flow_path();
        self.wait_no_more(means);
        let answered = matches!(self.phase, Phase::Talking { .. });
        self.attendant = Some(Box::new(Attendant {
            earlier,
            run,
            flow,
            connection: attached,
            doing: Doing::Nothing,
            until: None,
            decision: None,
            presentation,
            failed: None,
            serial: 0,
            room: None,
            hears: None,
            asked: None,
            untold: None,
            is_heard: false,
            keypad: None,
            twice: Twice::default(),
            queueing: None,
            agent: None,
        }));
        if answered {
            self.begin_to_listen(means);
        } else {
            self.phase = Phase::Attending;
        }
        ask
    }

    /// The caller's number or user, and name, as callees would see them.
    fn facts(&self) -> (String, String) {
        let mut user = Vec::new();
        let party = NameAddr::parse(&self.caller.dialog.remote);
        if let Some(uri) = party.and_then(|party| Uri::parse(party.uri)) {
            uri.unescape_user(&mut user);
        }
        let hidden = self.invite.as_ref().is_some_and(|invite| invite.presentation.hidden);
        match hidden {
            true => (String::new(), String::new()),
            false => (String::from_utf8_lossy(&user).into_owned(), self.caller_name().to_string()),
        }
    }

    /// What was asked is done: the run goes on.
    pub(crate) fn tell_flow(&mut self, told: Told, means: &mut Means<'_>) {
        if self.queue_hears(&told, means) {
            return;
        }
        let now = means.now;
        if self.handover.gives_place() {
            if let Some(attendant) = self.attendant.as_deref_mut() {
                attendant.untold = Some(told);
            }
            return;
        }
        means.effects.extend(self.forget_queue());
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        (attendant.doing, attendant.until, attendant.decision) = (Doing::Nothing, None, None);
        let around = Attendant::around(&attendant.flow, means);
        let ask = attendant.run.on_told(told, &around, now);
        self.carry_on(ask, means);
    }

    /// Does what is asked, for as long as it is done at once.
    fn carry_on(&mut self, mut ask: Ask, means: &mut Means<'_>) {
        loop {
            if let Some(attendant) = self.attendant.as_deref_mut() {
                attendant.asked = matches!(ask, Ask::Play(_) | Ask::Gather(_)).then(|| ask.clone());
            }
            let Some(told) = self.perform(ask, means) else { return };
            let Some(attendant) = self.attendant.as_deref_mut() else { return };
            if self.ending.is_some() {
                return;
            }
            let around = Attendant::around(&attendant.flow, means);
            ask = attendant.run.on_told(told, &around, means.now);
        }
    }

    /// Does one thing, or begins to. What came of it, if that is known at once.
    fn perform(&mut self, ask: Ask, means: &mut Means<'_>) -> Option<Told> {
        match ask {
            Ask::Answer => self.answered_by_flow(means).then(|| Told::of(Outcome::NEXT)),
            Ask::Ring(length) => {
                self.let_ring(means);
                self.wait(length, Outcome::NEXT, false, means)
            }
            Ask::Pause(length) => {
                self.hush(means);
                self.wait(length, Outcome::NEXT, false, means)
            }
            Ask::Tone { signal, length, stop_on_key } => {
                if !self.answered_by_flow(means) {
                    return None;
                }
                self.hear_signal(signal, means);
                self.wait(length, Outcome::DONE, stop_on_key, means)
            }
            Ask::Play(play) => self.play(play, means),
            Ask::Gather(gather) => self.gather(gather, means),
            Ask::Dial(dial) => self.ring_others(dial, means),
            Ask::Conference(conference) => self.confer(conference, means),
            Ask::Queue(queue) => self.queue_up(queue, means),
            Ask::Press(press) => self.press(&press, means),
            Ask::Park(park) => self.park(*park, means),
            Ask::TakeOver(whom) => self.take_over(whom, means),
            Ask::Record(record) => self.take_down(record, means),
            Ask::Refer(refer) => self.refer_caller(refer, means),
            Ask::Errand(errand) => {
                self.send_out(Wanted::Answer(Box::new(errand)), Purpose::Answer, means);
                None
            }
            Ask::Reject { code, phrase } => {
                self.reject(code, &phrase, means);
                None
            }
            Ask::HangUp { cause } => {
                self.hang_up_by_flow(cause, means);
                None
            }
            Ask::End(ended) => {
                self.flow_ended(ended, means);
                None
            }
        }
    }

    /// Waits, and then tells `outcome`.
    fn wait(
        &mut self,
        length: Duration,
        outcome: Outcome,
        stop_on_key: bool,
        means: &mut Means<'_>,
    ) -> Option<Told> {
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.doing = Doing::Waiting(outcome, stop_on_key);
        }
        self.look_again(means.now + length, means);
        None
    }

    /// The flow is to be looked at again then.
    fn look_again(&mut self, at: Timestamp, means: &mut Means<'_>) {
        if let Some(attendant) = self.attendant.as_deref_mut() {
            attendant.until = Some(at);
            means.out.arm(at, Timer::User(User::Call(self.slot), timers::FLOW));
        }
    }

    /// A time that the flow waits for may have come.
    pub(crate) fn on_flow_timer(&mut self, means: &mut Means<'_>) {
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        if attendant.until.is_none_or(|until| until > means.now) {
            return;
        }
        if self.handover.gives_place() {
            return self.look_again(means.now + succeed::MOMENT, means);
        }
        attendant.until = None;
        match &mut attendant.doing {
            Doing::Waiting(outcome, _) => {
                let told = Told::of(outcome.clone());
                self.tell_flow(told, means);
            }
            Doing::Gathering(gathering) => {
                let collected = gathering.collector.on_timeout(means.now);
                self.collected(collected, means);
            }
            Doing::Awaiting(_) => self.tell_flow(Told::of(Outcome::FAILED), means),
            Doing::Queueing => self.on_queue_timer(means),
            Doing::Pressing(_) => self.on_press_timer(means),
            Doing::Parked(_) => self.on_parked_timer(means),
            Doing::Seeking => self.on_seeking_timer(means),
            Doing::Recording(_) => self.beep_and_record(means),
            Doing::Referring(_) => self.tell_flow(Told::of(Outcome::NO_ANSWER), means),
            Doing::Ringing(_) => self.on_ringing_timer(means),
            Doing::Nothing | Doing::Playing(_) | Doing::Conferring | Doing::Talking(_) => {}
        }
    }

    /// Refuses the caller as the flow says.
    fn reject(&mut self, code: u16, phrase: &str, means: &mut Means<'_>) {
        if matches!(self.phase, Phase::Talking { .. }) {
            self.hang_up(Reason::FlowHungUp, EndedBy::System, means);
            return;
        }
        let cause = crate::cause::q850_of(code).unwrap_or(Reason::FlowRefused.q850());
        self.refuse_as(code, phrase.as_bytes(), Reason::FlowRefused, cause, means);
    }

    fn hang_up_by_flow(&mut self, cause: u8, means: &mut Means<'_>) {
        if matches!(self.phase, Phase::Talking { .. }) {
            self.hang_up_with(Reason::FlowHungUp, u16::from(cause), means);
            return;
        }
        let code = crate::cause::sip_of(u16::from(cause)).unwrap_or(603);
        self.refuse_as(code, b"", Reason::FlowRefused, u16::from(cause), means);
    }

    /// The flow led nowhere: an answered caller is let go, any other gets the failure of whoever was rung last.
    fn flow_ended(&mut self, ended: Ended, means: &mut Means<'_>) {
        let failed = self.attendant.as_deref_mut().and_then(|attendant| attendant.failed.take());
        let reason = match ended {
            Ended::Over => Reason::FlowEnded,
            Ended::Circling | Ended::TooLong | Ended::TooManySteps => Reason::FlowCircling,
        };
        match failed {
            _ if matches!(self.phase, Phase::Talking { .. }) => {
                let usual = ended == Ended::Over;
                let reason = if usual { Reason::FlowHungUp } else { reason };
                self.hang_up(reason, EndedBy::System, means);
            }
            Some(failed) if ended == Ended::Over => self.fail(failed, means),
            Some(_) | None => {
                self.refuse_as(reason.sip_code(), b"", reason, reason.q850(), means);
            }
        }
    }

    /// Whether whoever is in the call is there because a flow rang them, and the flow goes on when they leave.
    pub(crate) fn flow_goes_on(&self) -> bool {
        let attendant = self.attendant.as_deref();
        attendant.is_some_and(|a| matches!(&a.doing, Doing::Talking(outcome) if a.run.leads(outcome)))
    }

    /// Whether the flow reaches out for somebody right now.
    pub(crate) fn flow_rings(&self) -> bool {
        self.attendant
            .as_deref()
            .is_some_and(|attendant| matches!(attendant.doing, Doing::Ringing(_) | Doing::Seeking))
    }

    /// The call ends: the flow is not asked any more.
    pub(crate) fn leave_flow(&mut self, means: &mut Means<'_>) {
        self.wait_no_more(means);
        let Some(attendant) = self.attendant.as_deref_mut() else { return };
        let taken = attendant.doing.recording().map(|id| id.to_string()).unwrap_or_default();
        (attendant.doing, attendant.until) = (Doing::Nothing, None);
        attendant.decision = None;
        if let Some(errand) = attendant.run.on_gone(&taken) {
            self.order(Wanted::Answer(Box::new(errand)), means);
        }
    }

    /// The caller waits neither in a queue nor in an orbit any more.
    fn wait_no_more(&mut self, means: &mut Means<'_>) {
        means.effects.extend(self.forget_queue());
        means.effects.extend(self.forget_orbit());
    }

    /// Whose flow has the call.
    pub(crate) fn flow_account(&self) -> Option<Arc<str>> {
        self.attendant.as_deref().map(|attendant| Arc::clone(&attendant.flow.account.0))
    }

    /// Whether its flow takes down a message for a mailbox.
    fn is_for_a_mailbox(&self) -> bool {
        let attendant = self.attendant.as_deref();
        attendant.and_then(|a| a.run.path().last()).is_some_and(|step| step.verb() != "record")
    }

    /// The flow that the call is in, its version and its node.
    pub(crate) fn flow(&self) -> Option<(Arc<str>, u32, Box<str>)> {
        let step = self.attendant.as_deref()?.run.path().last()?;
        Some((Arc::clone(step.flow()), step.version(), step.node().into()))
    }

    /// The nodes that the call came by.
    pub fn flow_path(&self) -> Vec<FlowStep> {
        self.attendant.as_deref().map(Attendant::path).unwrap_or_default()
    }
}

/// Nodes of one call that its record names.
const MOST_RECORDED: usize = 200;
