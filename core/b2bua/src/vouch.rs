//! Signed caller ids of a call (RFC 8224): what came with it is judged, and what it leaves with is signed, before
//! anybody rings.
//!
//! Keys and certificates are not kept here: the call asks, and waits [`PATIENCE`] at most; after that it goes on
//! unsigned, and its verdict is that the certificate was not to be had. A call that is handed over is not signed anew.

use core::time::Duration;

use routing::attest::{Attestation, attestation};
use routing::config::{AccountId, Connection, Stir, Verify};
use routing::decision::Outcome;
use routing::number::to_e164;
use routing::reason::Reason;
use sip_msg::{Message, Name};
use sip_stack::User;
use sip_stack::timer::Timer;

use crate::call::{Call, Phase, timers};
use crate::means::{Effect, Means};
use crate::record::{EndedBy, Signature};

/// What a call asks of whoever keeps keys and fetches certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchQuestion {
    /// An Identity header field that came with the call.
    pub judge: Option<Box<str>>,
    /// On whose behalf and how far we vouch, where it leaves signed.
    pub sign: Option<(AccountId, Attestation)>,
    /// The calling number as it came, in E.164.
    pub orig: Box<str>,
    /// The calling number as it leaves, in E.164.
    pub shown: Box<str>,
    /// The called number, in E.164.
    pub dest: Box<str>,
}

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched {
    /// Of what was to be judged.
    pub verdict: Option<Verdict>,
    /// An Identity header field of ours.
    pub identity: Option<Box<str>>,
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
    /// An answer is waited for; whether the caller was admitted meanwhile.
    waiting: Option<bool>,
    came: Option<Signature>,
    identity: Option<Box<str>>,
    signed: Option<Attestation>,
}

impl Vouching {
    /// What history keeps: of the signature that came, and of ours.
    pub(crate) fn record(&self) -> (Option<Signature>, Option<Attestation>) {
        (self.came.clone(), self.signed.filter(|_| self.identity.is_some()))
    }

    /// The Identity header field that calls to this connection carry instead of the one that came.
    pub(crate) fn identity_for(&self, connection: Option<&Connection>) -> Option<&str> {
        connection.filter(|connection| connection.stir.sign).and(self.identity.as_deref())
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
        let came = invite.field(Name::Identity);
        let judged = came.filter(|_| stir.verify != Verify::Off);
        if stir.verify != Verify::Off && came.is_none() {
            self.vouching.came = Some(Signature { verdict: "none", attest: None, problem: Box::default() });
            if stir.verify == Verify::Require {
                self.refuse(Reason::Unsigned, EndedBy::System, means);
                return false;
            }
        }
        let signing = self.signing(means);
        if judged.is_none() && signing.is_none() {
            return true;
        }
        let country = self.account().and_then(|id| means.tables.account(id)).and_then(|a| a.country.clone());
        let format =
            self.caller.connection.as_ref().map(|c| c.number_format.from.clone()).unwrap_or_default();
        let presented = self.invite.as_ref().map_or("", |invite| invite.presentation.user.as_str());
        let orig = to_e164(presented, &format, country.as_deref()).unwrap_or_default();
        let (sign, shown) =
            signing.map_or((None, None), |(by, attest, shown)| (Some((by, attest)), Some(shown)));
        self.vouching.signed = sign.as_ref().map(|(_, attest)| *attest);
        self.vouching.waiting = Some(false);
        means.effects.push(Effect::Vouch(Box::new(VouchQuestion {
            judge: judged.map(|value| String::from_utf8_lossy(value).into()),
            sign,
            orig: orig.into(),
            shown: shown.unwrap_or_default(),
            dest: self.decision.called.as_str().into(),
        })));
        means.out.arm(means.now + PATIENCE, Timer::User(User::Call(self.slot), timers::VOUCH));
        true
    }

    /// Whether the caller, who is admitted, has to wait for an answer.
    pub(crate) fn awaits_vouching(&mut self) -> bool {
        match &mut self.vouching.waiting {
            Some(admitted) => {
                *admitted = true;
                true
            }
            None => false,
        }
    }

    /// What was asked is answered.
    pub fn on_vouched(&mut self, vouched: Vouched, means: &mut Means<'_>) {
        let Some(admitted) = self.vouching.waiting.take() else { return };
        self.vouching.identity = vouched.identity;
        let refused = vouched.verdict.and_then(|verdict| self.note_verdict(verdict));
        if !matches!(self.phase, Phase::Admitting) {
            return;
        }
        match refused {
            Some(reason) => self.refuse(reason, EndedBy::System, means),
            None if admitted => self.admitted(means),
            None => {}
        }
    }

    /// Nobody answered in time.
    pub(crate) fn on_vouch_timer(&mut self, means: &mut Means<'_>) {
        let judging = self.caller.connection.as_ref().is_some_and(|c| c.stir.verify != Verify::Off);
        let late = || Verdict::Failed(Reason::SignerNotFound, "not in time".into());
        let verdict = (judging && self.vouching.came.is_none()).then(late);
        self.on_vouched(Vouched { verdict, identity: None }, means);
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

    /// For whom and how far we vouch, and the number that is shown, if a way out of this call is to be signed.
    fn signing(&self, means: &Means<'_>) -> Option<(AccountId, Attestation, Box<str>)> {
        let Outcome::Ring(targets) = &self.decision.outcome else { return None };
        let way = targets.iter().find(|target| target.outbound && target.connection.stir.sign)?;
        let caller = self.caller.connection.as_ref()?;
        let country = means.tables.account(&caller.account).and_then(|account| account.country.as_deref());
        let shown = match &way.caller_id {
            Some(id) => to_e164(id, &way.connection.number_format.to, country),
            None => {
                let presented = &self.invite.as_ref()?.presentation.user;
                to_e164(presented, &caller.number_format.from, country)
            }
        }?;
        let attest = attestation(means.tables, caller, &shown);
        Some((caller.account.clone(), attest, shown.into()))
    }
}

/// How long a call waits for its signatures.
const PATIENCE: Duration = Duration::from_millis(1500);
