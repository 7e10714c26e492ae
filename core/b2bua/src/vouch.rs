//! Signed caller ids of a call (RFC 8224): what came with it is judged, and what it leaves with is signed, before
//! anybody rings.
//!
//! Keys and certificates are not kept here: the call asks, and waits [`PATIENCE`] at most; after that it goes on
//! unsigned, and its verdict is that the certificate was not to be had. A call that a transfer makes is signed like one
//! that the transferor makes. What a customer forwards with the signature that it came with keeps that, and gets one
//! beside it that tells of the diversion (RFC 8946); what passes through from a carrier is not signed anew.

use core::time::Duration;

use routing::attest::{Attestation, attestation};
use routing::config::{AccountId, Connection, Stir, Verify};
use routing::decision::Decision;
use routing::number::to_e164;
use routing::reason::Reason;
use routing::tables::Tables;
use sip_msg::{Message, Name, NameAddr, Uri};
use sip_stack::User;
use sip_stack::timer::Timer;
use timestamp::Timestamp;

use crate::call::{Call, Phase, timers};
use crate::means::{Effect, Means};
use crate::record::{EndedBy, Signature};

/// What a call asks of whoever keeps keys and fetches certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchQuestion {
    /// Which of the questions of its call it is.
    pub number: u8,
    /// Identity header fields that came with the call and are to be judged.
    pub judge: Vec<Box<str>>,
    /// On whose behalf and what we say, where it leaves signed.
    pub sign: Option<(AccountId, Statement)>,
    /// The calling number as it came, in E.164.
    pub orig: Box<str>,
    /// The calling number as it leaves, in E.164.
    pub shown: Box<str>,
    /// The called number, in E.164.
    pub dest: Box<str>,
}

/// What we say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// How far we vouch for the calling number (RFC 8588).
    Origin(Attestation),
    /// It was for this number, in E.164, before (RFC 8946); what was said of its origin stays.
    Diversion(Box<str>),
}

impl Statement {
    /// As history has it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Origin(attest) => attest.name(),
            Self::Diversion(_) => "div",
        }
    }
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched {
    /// The number of the question.
    pub number: u8,
    /// Of what was to be judged.
    pub verdict: Option<Verdict>,
    /// What we say of the call, signed.
    pub passport: Option<Passport>,
}

/// A PASSporT of ours (RFC 8225).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passport {
    /// The Identity header field.
    pub identity: Box<str>,
    /// The Date header field that goes with it (RFC 8224 §4.1).
    pub date: Box<str>,
}

/// What is to be thought of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is good, and says this.
    Passed(Attestation),
    /// It is not, for this reason; in words of the judge.
    Failed(Reason, Box<str>),
}

/// What is known of the signatures of a call.
#[derive(Debug, Default)]
pub(crate) struct Vouching {
    waiting: Option<Waiting>,
    /// Questions so far.
    asked: u8,
    came: Option<Signature>,
    said: Option<Statement>,
    passport: Option<Passport>,
    /// What the first signature of ours said.
    signed: Option<&'static str>,
}

/// An answer is waited for.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    until: Timestamp,
    then: Then,
}

/// What goes on with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The call itself, if its caller is admitted.
    Begin { admitted: bool },
    /// A transfer that leads outside.
    HandOver,
    /// One of several parties that are looked for.
    Search,
}

/// A signature of ours, as an INVITE carries it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) passport: &'a Passport,
    /// It stands beside those that came, and not in their place.
    pub(crate) beside: bool,
}

impl Vouching {
    /// What history keeps: of the signature that came, and of ours.
    pub(crate) fn record(&self) -> (Option<Signature>, Option<&'static str>) {
        (self.came.clone(), self.signed)
    }

    /// What calls to this connection are signed with.
    pub(crate) fn signed_for(&self, connection: Option<&Connection>) -> Option<Signed<'_>> {
        connection.filter(|connection| connection.stir.sign)?;
        let beside = matches!(self.said, Some(Statement::Diversion(_)));
        self.passport.as_ref().map(|passport| Signed { passport, beside })
    }

    /// Who is called next is called with this.
    pub(crate) fn present(&mut self, passport: Option<Passport>) {
        self.passport = passport;
    }

    /// Whoever is called from now on is not called with what was said of the call before.
    pub(crate) fn forget(&mut self) {
        (self.waiting, self.said, self.passport) = (None, None, None);
    }

    /// The value of `verstat` for this connection (3GPP TS 24.229 §7.2A.20).
    pub(crate) fn verstat_for(&self, connection: Option<&Connection>) -> Option<&'static str> {
        let came = connection.filter(|connection| connection.stir.verstat).and(self.came.as_ref())?;
        Some(match came.verdict {
            "passed" => "TN-Validation-Passed",
            "none" => "No-TN-Validation",
            _ => "TN-Validation-Failed",
        })
    }
}

impl Call {
    /// Asks about signatures where the connections involved want that. `false`: the call is refused.
    pub(crate) fn vouch(&mut self, invite: &Message<'_>, means: &mut Means<'_>) -> bool {
        let stir = self.caller.connection.as_ref().map_or_else(Stir::default, |c| c.stir.clone());
        let came: Vec<&[u8]> =
            invite.all().filter(|(name, ..)| *name == Name::Identity).map(|(.., value)| value).collect();
        if stir.verify != Verify::Off && came.is_empty() {
            self.vouching.came = Some(Signature { verdict: "none", attest: None, problem: Box::default() });
            if stir.verify == Verify::Require {
                self.distrust(Reason::Unsigned, means);
                return false;
            }
        }
        let orig = self.origin(invite, means.tables).unwrap_or_default();
        let signing = self.signing(&self.decision, means.tables).and_then(|signing| {
            let diverter = self.diverter(invite, means.tables).filter(|_| signing.shown == orig);
            match (signing.attest, came.is_empty(), diverter) {
                (Attestation::C, false, _) => None,
                (_, false, Some(number)) => Some((signing, Statement::Diversion(number.into()))),
                (attest, ..) => Some((signing, Statement::Origin(attest))),
            }
        });
        let judge = came.iter().filter(|_| stir.verify != Verify::Off).take(MOST_JUDGED);
        let judge: Vec<_> = judge.map(|value| String::from_utf8_lossy(value).into()).collect();
        if judge.is_empty() && signing.is_none() {
            return true;
        }
        let dest = self.decision.called.as_str().into();
        self.ask_to_vouch((judge, orig, dest), signing, Then::Begin { admitted: false }, means);
        true
    }

    /// Asks for a signature of the call that a transfer makes, if it is to have one. Whether it has to wait.
    pub(crate) fn vouch_for_transfer(&mut self, means: &mut Means<'_>) -> bool {
        let decision = self.routed().clone();
        self.vouch_anew(&decision, Then::HandOver, means)
    }

    /// The same for one of several parties that are looked for.
    pub(crate) fn vouch_for_party(&mut self, decision: &Decision, means: &mut Means<'_>) -> bool {
        self.vouch_anew(decision, Then::Search, means)
    }

    fn vouch_anew(&mut self, decision: &Decision, then: Then, means: &mut Means<'_>) -> bool {
        let Some(signing) = self.signing(decision, means.tables) else { return false };
        let said = Statement::Origin(signing.attest);
        let about = (Vec::new(), String::new(), decision.called.as_str().into());
        self.ask_to_vouch(about, Some((signing, said)), then, means);
        true
    }

    fn ask_to_vouch(
        &mut self,
        (judge, orig, dest): (Vec<Box<str>>, String, Box<str>),
        signing: Option<(Signing, Statement)>,
        then: Then,
        means: &mut Means<'_>,
    ) {
        let (sign, shown) = match signing {
            Some((signing, said)) => (Some((signing.account, said)), signing.shown),
            None => (None, String::new()),
        };
        self.vouching.said = sign.as_ref().map(|(_, said)| said.clone());
        self.vouching.asked = self.vouching.asked.wrapping_add(1);
        let (number, until) = (self.vouching.asked, means.now + PATIENCE);
        self.vouching.waiting = Some(Waiting { until, then });
        let (orig, shown) = (orig.into(), shown.into());
        means.effects.push(Effect::Vouch(Box::new(VouchQuestion { number, judge, sign, orig, shown, dest })));
        means.out.arm(until, Timer::User(User::Call(self.slot), timers::VOUCH));
    }

    /// Whether the caller, who is admitted, has to wait for an answer.
    pub(crate) fn awaits_vouching(&mut self) -> bool {
        match &mut self.vouching.waiting {
            Some(Waiting { then: Then::Begin { admitted }, .. }) => {
                *admitted = true;
                true
            }
            Some(Waiting { then: Then::HandOver | Then::Search, .. }) | None => false,
        }
    }

    /// What was asked is answered.
    pub fn on_vouched(&mut self, vouched: Vouched, means: &mut Means<'_>) {
        let number = vouched.number;
        let Some(waiting) = self.vouching.waiting.take_if(|_| self.vouching.asked == number) else { return };
        if let (Some(_), Some(said)) = (&vouched.passport, &self.vouching.said) {
            self.vouching.signed.get_or_insert_with(|| said.name());
        }
        if waiting.then == Then::Search {
            return self.on_search_vouched(vouched.passport, means);
        }
        self.vouching.passport = vouched.passport;
        let refused = vouched.verdict.and_then(|verdict| self.note_verdict(verdict));
        match (&self.phase, waiting.then) {
            (Phase::Admitting, Then::Begin { admitted }) => match refused {
                Some(reason) => self.distrust(reason, means),
                None if admitted => self.admitted(means),
                None => {}
            },
            (Phase::Seeking { .. }, Then::HandOver) => self.go_onward(means),
            (
                Phase::Admitting
                | Phase::Attending
                | Phase::Seeking { .. }
                | Phase::Locating { .. }
                | Phase::Dialling(_)
                | Phase::Talking { .. }
                | Phase::Over,
                _,
            ) => {}
        }
    }

    /// Nobody answered in time.
    pub(crate) fn on_vouch_timer(&mut self, means: &mut Means<'_>) {
        let Some(waiting) = self.vouching.waiting.filter(|waiting| waiting.until <= means.now) else {
            return;
        };
        let judging = self.caller.connection.as_ref().is_some_and(|c| c.stir.verify != Verify::Off)
            && matches!(waiting.then, Then::Begin { .. });
        let late = || Verdict::Failed(Reason::SignerNotFound, "not in time".into());
        let verdict = (judging && self.vouching.came.is_none()).then(late);
        self.on_vouched(Vouched { number: self.vouching.asked, verdict, passport: None }, means);
    }

    fn distrust(&mut self, reason: Reason, means: &mut Means<'_>) {
        let problem = self.vouching.came.as_ref().map(|came| came.problem.clone()).unwrap_or_default();
        means.effects.push(Effect::Distrust(reason, problem));
        self.refuse(reason, EndedBy::System, means);
    }

    fn note_verdict(&mut self, verdict: Verdict) -> Option<Reason> {
        let (signature, refused) = match verdict {
            Verdict::Passed(attest) => {
                (Signature { verdict: "passed", attest: Some(attest), problem: Box::default() }, None)
            }
            Verdict::Failed(reason, problem) => {
                (Signature { verdict: "failed", attest: None, problem }, Some(reason))
            }
        };
        self.vouching.came = Some(signature);
        let required = self.caller.connection.as_ref().is_some_and(|c| c.stir.verify == Verify::Require);
        refused.filter(|_| required)
    }

    /// What is to be signed of a call that is decided like this, if a way out of it wants that.
    fn signing(&self, decision: &Decision, tables: &Tables) -> Option<Signing> {
        let way = decision
            .outcome
            .targets()
            .iter()
            .find(|target| target.outbound && target.connection.stir.sign)?;
        let caller = decision.caller.as_ref()?;
        let country = tables.account(&caller.account).and_then(|account| account.country.as_deref());
        let shown = match &way.caller_id {
            Some(id) => to_e164(id, &way.connection.number_format.to, country),
            None => {
                let presented = &self.invite.as_ref()?.presentation.user;
                to_e164(presented, &caller.number_format.from, country)
            }
        }?;
        let attest = attestation(tables, caller, &shown);
        Some(Signing { account: caller.account.clone(), attest, shown })
    }

    /// The calling number that the callee would be shown, in E.164: what a trusted peer asserts, else From.
    fn origin(&self, invite: &Message<'_>, tables: &Tables) -> Option<String> {
        let trusted = self.caller.connection.as_ref().is_some_and(|connection| connection.trust_identity);
        let asserted = invite.values(Name::PAssertedIdentity).next().filter(|_| trusted);
        match asserted.and_then(|value| self.number_in(value, tables)) {
            Some(number) => Some(number),
            None => self.e164(self.invite.as_ref()?.presentation.user.as_str(), tables),
        }
    }

    /// The number that forwarded the call last (RFC 5806), if it is one that the caller owns.
    fn diverter(&self, invite: &Message<'_>, tables: &Tables) -> Option<String> {
        let number = self.number_in(invite.values(Name::Diversion).next()?, tables)?;
        let owned = attestation(tables, self.caller.connection.as_ref()?, &number) == Attestation::A;
        owned.then_some(number)
    }

    fn number_in(&self, value: &[u8], tables: &Tables) -> Option<String> {
        let mut user = Vec::new();
        Uri::parse(NameAddr::parse(value)?.uri)?.unescape_user(&mut user);
        self.e164(core::str::from_utf8(&user).ok()?, tables)
    }

    /// A number as the caller writes it, in E.164.
    fn e164(&self, number: &str, tables: &Tables) -> Option<String> {
        let country = self.account().and_then(|id| tables.account(id)).and_then(|a| a.country.as_deref());
        let format = self.caller.connection.as_ref().map(|c| c.number_format.from.clone());
        to_e164(number, &format.unwrap_or_default(), country)
    }
}

/// On whose behalf a call is signed, and the number that it leaves with.
struct Signing {
    account: AccountId,
    attest: Attestation,
    shown: String,
}

/// How long a call waits for its signatures.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Identity header fields of one call that are judged.
const MOST_JUDGED: usize = 8;
