//! Where a call goes, once its caller is known: user, service, number, way out, default target.

mod failover;
mod flow;
mod forward;
mod voicemail;

use std::sync::Arc;

use failover::Origin;
use smallvec::SmallVec;
use timestamp::Timestamp;

pub use flow::decide_devices;
pub use forward::{beside, divert, follow};

use crate::caller_id::{self, Proposal};
use crate::config::{
    Account, AccountId, Condition, Connection, ConnectionId, DialAction, Domain, Kind, NumberFormat,
    NumberRow, Target,
};
use crate::decision::{
    Attached, Candidate, Decision, Destination, Forwarding, Hop, Outcome, Proof, TestLine, Verdict,
};
use crate::feature::Feature;
use crate::near::known_number;
use crate::number::{for_peer, rewrite, to_e164};
use crate::policy::{Country, destination, number_for_help, ways_for_help};
use crate::reason::Reason;
use crate::tables::{Host, Tables, WayOut};

/// Who calls, once that is settled.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A connection.
    Connection(Arc<Connection>, Proof),
    /// Someone at an allowed source of an account: reaches its users and numbers, never onward.
    Account(Arc<Account>),
}

/// A call to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// User part of the Request-URI, unescaped.
    pub called_user: &'a str,
    /// Its host.
    pub called_host: &'a str,
    /// What the caller proposes to be known as.
    pub presented: Proposal<'a>,
    /// How it was addressed.
    pub addressed: Addressed,
    /// When it begins; none for what is no call, which people do not forward.
    pub at: Option<Timestamp>,
}

/// How a call was addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressed {
    /// To a user or number at a host.
    Directly,
    /// To our Contact at a registrar, with a user or number: the host is ours, whatever it says.
    ToContact,
    /// To our Contact and nothing else: nobody was dialled.
    ToBareContact,
}

/// Decides. Never refuses for what a caller could not have known: unknown targets are 404 with the reason.
pub fn decide(tables: &Tables, caller: &Caller, question: &Question<'_>) -> Decision {
    decide_by(tables, caller, question, |deciding| deciding.outcome(question))
}

/// Decides a call to a host that belongs to a connection: it leaves by that one or not at all, even if it came from there,
/// and only if the caller may call out and the dial pattern lets the number pass.
pub fn decide_at(tables: &Tables, caller: &Caller, question: &Question<'_>, at: &ConnectionId) -> Decision {
    decide_by(tables, caller, question, |deciding| {
        let dialled = deciding.rewritten(question.called_user);
        let number = deciding.e164(&dialled).unwrap_or_else(|| dialled.clone());
        let outcome = match deciding.connection().is_some_and(|c| c.may_call_out) {
            true => match deciding.ways(&number, &dialled, Some(at)) {
                Ok(ways) if ways.is_empty() => Outcome::Refuse(Reason::NoRoute),
                Ok(ways) => Outcome::Ring(ways),
                Err(reason) => Outcome::Refuse(reason),
            },
            false => Outcome::Refuse(Reason::MayNotCallOut),
        };
        (number, outcome)
    })
}

/// The same, and where people have calls go elsewhere at once, what becomes of it there.
pub fn decide_through(tables: &Tables, caller: &Caller, question: &Question<'_>) -> Decision {
    let mut decision = decide(tables, caller, question);
    while let (Outcome::Divert(condition), Some(at)) = (&decision.outcome, question.at) {
        match divert(tables, &decision, *condition, question.presented, at) {
            Some(next) => decision = next,
            None => decision.outcome = Outcome::Refuse(Reason::NothingAttached),
        }
    }
    decision
}

fn decide_by(
    tables: &Tables,
    caller: &Caller,
    question: &Question<'_>,
    outcome: impl FnOnce(&mut Deciding<'_>) -> (String, Outcome),
) -> Decision {
    decide_hopping(tables, caller, question, SmallVec::new(), outcome)
}

fn decide_hopping(
    tables: &Tables,
    caller: &Caller,
    question: &Question<'_>,
    hops: SmallVec<[Hop; 0]>,
    outcome: impl FnOnce(&mut Deciding<'_>) -> (String, Outcome),
) -> Decision {
    let mut deciding = Deciding {
        tables,
        caller,
        presented: question.presented,
        at: question.at,
        hops,
        forwarding: None,
        candidates: SmallVec::new(),
        country: None,
        emergency: false,
        failover: None,
        voicemail: None,
    };
    let (called, outcome) = outcome(&mut deciding);
    let (connection, proof) = match caller {
        Caller::Connection(connection, proof) => (Some(Arc::clone(connection)), *proof),
        Caller::Account(_) => (None, Proof::AccountSource),
    };
    Decision {
        revision: tables.revision(),
        account: Some(deciding.account().clone()),
        caller: connection,
        proof,
        called,
        outcome,
        candidates: deciding.candidates,
        country: deciding.country,
        emergency: deciding.emergency,
        failover: deciding.failover,
        forwarding: deciding.forwarding,
        hops: deciding.hops,
        voicemail: deciding.voicemail,
    }
}

struct Deciding<'t> {
    tables: &'t Tables,
    caller: &'t Caller,
    presented: Proposal<'t>,
    at: Option<Timestamp>,
    hops: SmallVec<[Hop; 0]>,
    forwarding: Option<Forwarding>,
    candidates: SmallVec<[Candidate; 2]>,
    country: Option<Country>,
    emergency: bool,
    failover: Option<Attached>,
    voicemail: Option<Arc<Connection>>,
}

impl Deciding<'_> {
    fn outcome(&mut self, question: &Question<'_>) -> (String, Outcome) {
        let host = match question.addressed {
            Addressed::Directly => self.tables.called_host(question.called_host),
            Addressed::ToContact | Addressed::ToBareContact => Some(Host::Ours),
        };
        let Some(host) = host else {
            return (question.called_user.to_owned(), Outcome::Refuse(Reason::DomainNotOurs));
        };
        let dialled = self.rewritten(question.called_user);
        let domain = self.domain(&host);
        let user = domain.as_ref().and_then(|d| self.tables.user(&d.id, &dialled));
        if let Some(target) = user.filter(|user| self.reaches(&user.account)).cloned() {
            let outcome = self.ring(&target, Verdict::User, &dialled);
            return (dialled, outcome);
        }
        // As it was dialled, or without the digits for a line outside.
        for number in [question.called_user, &dialled] {
            if let Some(decided) = self.for_help(number) {
                return decided;
            }
        }
        if let Some(feature) = self.feature(&dialled, domain.as_deref()) {
            return (dialled, Outcome::Feature(feature));
        }
        if let Some(service) = service(&dialled) {
            return (dialled, Outcome::Serve(service));
        }
        if let Some(attached) = self.connection().and_then(|caller| voicemail::visit(caller, &dialled)) {
            return (dialled, Outcome::Run(attached));
        }
        let e164 = self.e164(&dialled);
        if let Some(outcome) = self.number_by_form(&dialled) {
            return (dialled, outcome);
        }
        if let Some(feature) = self.orbit(&dialled) {
            return (dialled, Outcome::Feature(feature));
        }
        if e164.is_none() && self.misformed(&dialled) {
            return (dialled, Outcome::Refuse(Reason::NumberForm));
        }
        if let Some(outcome) = e164.as_deref().and_then(|number| self.number(number)) {
            return (e164.unwrap_or(dialled), outcome);
        }
        let number = e164.clone().unwrap_or_else(|| dialled.clone());
        let outcome = self.way_out(&number, &dialled, question);
        let unknown = matches!(
            outcome,
            Outcome::Refuse(Reason::UserNotKnown | Reason::NumberNotKnown | Reason::NoRoute)
        );
        // RFC 3261 §16.5 leaves it to the domain whom its addresses stand for.
        let flow = domain.filter(|_| unknown && question.addressed == Addressed::Directly);
        let flow = flow.filter(|domain| self.reaches(&domain.account)).and_then(|d| d.default_flow.clone());
        let outcome = flow.map_or(outcome, |flow| self.run(&flow, None));
        (number, outcome)
    }

    /// What a star code asks for, of those who may: whose connection is nobody's has nothing to set.
    fn feature(&self, dialled: &str, domain: Option<&Domain>) -> Option<Feature> {
        self.at?;
        let caller = self.connection()?;
        let user = |name: &str| {
            let row = self.tables.user(&domain?.id, name)?;
            (row.account == caller.account).then(|| row.id.clone())
        };
        let registers = is_at_home(caller.kind);
        let of_calls = || Feature::of_calls(dialled, user).filter(|_| registers);
        let of_person = || Feature::dialled(dialled).filter(|_| self.tables.person_of(&caller.id).is_some());
        of_person().or_else(of_calls)
    }

    /// An orbit that a phone dials as it is.
    fn orbit(&self, dialled: &str) -> Option<Feature> {
        self.at?;
        self.connection().filter(|caller| is_at_home(caller.kind)).and_then(|_| Feature::of_orbit(dialled))
    }

    fn account(&self) -> &AccountId {
        match self.caller {
            Caller::Connection(connection, _) => &connection.account,
            Caller::Account(account) => &account.id,
        }
    }

    /// Whether the caller may reach what this account owns: who is let in by an account's sources gets to that account only.
    fn reaches(&self, owner: &AccountId) -> bool {
        match self.caller {
            Caller::Connection(..) => true,
            Caller::Account(account) => account.id == *owner,
        }
    }

    fn connection(&self) -> Option<&Arc<Connection>> {
        match self.caller {
            Caller::Connection(connection, _) => Some(connection),
            Caller::Account(_) => None,
        }
    }

    fn rewritten(&self, called: &str) -> String {
        self.connection().map_or_else(|| called.to_owned(), |c| rewrite(called, &c.rewrite_from))
    }

    fn e164(&self, dialled: &str) -> Option<String> {
        let country = self.tables.account(self.account()).and_then(|a| a.country.as_deref());
        let format = self.connection().map(|c| c.number_format.from.clone()).unwrap_or_default();
        to_e164(dialled, &format, country)
    }

    /// Whether this is a number in a form that the caller's number format rules out.
    fn misformed(&self, dialled: &str) -> bool {
        let strict = self.connection().is_some_and(|c| match &c.number_format.from {
            NumberFormat::E164Plus | NumberFormat::E164 | NumberFormat::National(_) => true,
            NumberFormat::Auto | NumberFormat::Raw => false,
        });
        let digits = dialled.strip_prefix('+').unwrap_or(dialled);
        let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        strict && number
    }

    /// An emergency call: every way there is, and no question asked.
    fn for_help(&mut self, called: &str) -> Option<(String, Outcome)> {
        let account = self.tables.account(self.account())?;
        let number = number_for_help(account, called)?;
        self.emergency = true;
        let ways = ways_for_help(self.tables, account, number);
        for way in &ways {
            self.note(&way.connection.id, true, Verdict::Emergency);
        }
        let outcome = if ways.is_empty() { Outcome::Refuse(Reason::NoRoute) } else { Outcome::Ring(ways) };
        Some((number.to_owned(), outcome))
    }

    fn domain(&self, host: &Host) -> Option<Arc<Domain>> {
        match host {
            Host::Domain(domain) => Some(Arc::clone(domain)),
            Host::Ours | Host::Trunk(_) => {
                let own =
                    self.connection().and_then(|c| c.domain.as_ref()).and_then(|id| self.tables.domain(id));
                own.or_else(|| self.tables.domain_of_account(self.account()))
                    .or_else(|| self.tables.home_domain())
                    .cloned()
            }
        }
    }

    /// A number of the caller's account that lists this very form.
    fn number_by_form(&mut self, dialled: &str) -> Option<Outcome> {
        let rows = self.tables.numbers(dialled);
        let lists = |row: &&Arc<NumberRow>| row.account == *self.account() && row.e164 != dialled;
        let via = self.connection().map(|c| &c.id);
        let fitting = |row: &&Arc<NumberRow>| lists(row) && (row.via.is_none() || row.via.as_ref() == via);
        let target = rows.iter().find(fitting)?.target.clone();
        Some(self.target(&target, Verdict::Number, dialled))
    }

    fn number(&mut self, number: &str) -> Option<Outcome> {
        let rows = self.tables.numbers(number);
        let via = self.connection().map(|c| &c.id);
        let rows = || rows.iter().filter(|r| r.e164 == number && self.reaches(&r.account));
        let row = rows().find(|r| r.via.is_some() && r.via.as_ref() == via);
        let row = row.or_else(|| rows().find(|r| r.via.is_none()))?;
        Some(self.target(&row.target.clone(), Verdict::Number, number))
    }

    fn target(&mut self, target: &Target, verdict: Verdict, called: &str) -> Outcome {
        match target {
            Target::Connection(id) => match self.tables.connection(id).cloned() {
                Some(connection) => self.ring(&connection, verdict, called),
                None => Outcome::Refuse(Reason::NothingAttached),
            },
            Target::Flow(id) => self.run(id, None),
        }
    }

    fn ring(&mut self, connection: &Arc<Connection>, verdict: Verdict, called: &str) -> Outcome {
        if let (true, DialAction::Flow, Some(flow)) =
            (connection.enabled, connection.dialled.action, &connection.dialled.flow)
        {
            self.note(&connection.id, true, verdict);
            return self.run(flow, Some(connection));
        }
        if let Some(outcome) = self.wishes(connection) {
            return outcome;
        }
        let refused = unfit(connection);
        self.note(&connection.id, refused.is_none(), refused.map_or(verdict, Verdict::Refused));
        let mut targets = SmallVec::new();
        if refused.is_some() {
            let caller_id = self.caller_id_for(connection);
            let origin = Origin { connection: Arc::clone(connection), outbound: false, caller_id };
            self.take_over(origin, &mut targets, called);
        } else {
            targets.push(self.destination_of(connection, called));
        }
        self.stand_in(&mut targets, called);
        match refused {
            Some(reason) if targets.is_empty() => match self.failover.take() {
                Some(attached) => Outcome::Run(attached),
                None if self.forwards(Condition::Offline) => Outcome::Divert(Condition::Offline),
                None => voicemail::instead_of(connection).map_or(Outcome::Refuse(reason), Outcome::Run),
            },
            Some(_) | None => {
                self.voicemail = Some(connection).filter(|c| voicemail::takes_messages(c)).cloned();
                Outcome::Ring(targets)
            }
        }
    }

    /// One of ours, by itself.
    fn destination_of(&self, connection: &Arc<Connection>, called: &str) -> Destination {
        Destination {
            connection: Arc::clone(connection),
            number: number_for(connection, called),
            outbound: false,
            caller_id: self.caller_id_for(connection),
            stands_in_for: None,
        }
    }

    /// What somebody of ours is shown of the caller.
    pub(crate) fn caller_id_for(&self, callee: &Connection) -> Option<String> {
        let caller = self.connection()?;
        caller_id::shown(self.tables, caller, &self.presented, callee)
    }

    fn way_out(&mut self, number: &str, dialled: &str, question: &Question<'_>) -> Outcome {
        let caller = self.connection().cloned();
        let dialled_one = question.addressed != Addressed::ToBareContact;
        let may = dialled_one && caller.as_ref().is_some_and(|c| c.may_call_out);
        if may {
            let ways = self.ways(number, dialled, None);
            match ways {
                Ok(ways) if !ways.is_empty() => return Outcome::Ring(ways),
                Ok(_) => {}
                Err(reason) => return Outcome::Refuse(reason),
            }
        }
        if let Some(target) = caller.as_ref().and_then(|c| c.default_target.clone()) {
            return self.target(&target, Verdict::DefaultTarget, number);
        }
        let known = known_number(self.tables, self.account(), dialled);
        if known.is_some_and(|row| row.e164 != number) {
            return Outcome::Refuse(Reason::NumberForm);
        }
        let looks_like_number = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'*' | b'#'));
        Outcome::Refuse(match (looks_like_number, may, caller.map(|c| c.kind)) {
            (false, ..) => Reason::UserNotKnown,
            (true, true, _) => Reason::NoRoute,
            (true, false, Some(Kind::Device)) => Reason::MayNotCallOut,
            (true, false, _) => Reason::NumberNotKnown,
        })
    }

    fn ways(
        &mut self,
        number: &str,
        dialled: &str,
        only: Option<&ConnectionId>,
    ) -> Result<SmallVec<[Destination; 2]>, Reason> {
        let tables = self.tables;
        let Some(caller) = self.connection().cloned() else { return Ok(SmallVec::new()) };
        let mut found = SmallVec::new();
        let (mut refused, mut permitted) = (None, None);
        let named = |way: &&WayOut| only.is_none_or(|only| *only == way.connection.id);
        for way in tables.ways_out(&caller.account).filter(named) {
            let connection = &way.connection;
            let verdict = if !connection.enabled {
                Verdict::Disabled
            } else if connection.id == caller.id && only.is_none() {
                Verdict::CameFromIt
            } else if !connection.used_by.is_empty() && !connection.used_by.contains(&caller.id) {
                Verdict::NotOffered
            } else if !way.pattern.matches(number) && !way.pattern.matches(dialled) {
                Verdict::PatternDiffers
            } else {
                Verdict::Pattern
            };
            if verdict != Verdict::Pattern {
                self.note(&connection.id, false, verdict);
                continue;
            }
            let presents = match connection.id == caller.id {
                // To itself it is whoever it says.
                true => Ok(None),
                false => permitted
                    .get_or_insert_with(|| self.permitted(&caller, number))
                    .and_then(|()| caller_id::checked(tables, &caller, &self.presented)),
            };
            match presents {
                Ok(caller_id) => {
                    self.note(&connection.id, true, verdict);
                    found.push(Destination {
                        connection: Arc::clone(connection),
                        number: number_for(connection, number),
                        outbound: true,
                        caller_id: caller_id.map(|id| for_peer(&id, &connection.number_format.to)),
                        stands_in_for: None,
                    });
                }
                Err(reason) => {
                    self.note(&connection.id, false, Verdict::Refused(reason));
                    refused = Some(reason);
                }
            }
        }
        match refused {
            Some(reason) if found.is_empty() => Err(reason),
            Some(_) | None => {
                self.stand_in(&mut found, number);
                Ok(found)
            }
        }
    }

    /// Whether the caller's limits let it call there.
    fn permitted(&mut self, caller: &Connection, number: &str) -> Result<(), Reason> {
        self.country = destination(self.tables, caller, number).map_err(|refused| refused.reason)?;
        Ok(())
    }

    fn note(&mut self, connection: &ConnectionId, taken: bool, reason: Verdict) {
        if self.candidates.len() < CANDIDATES {
            self.candidates.push(Candidate { connection: connection.clone(), taken, reason });
        }
    }
}

/// Why a connection cannot be dialled, whatever becomes of its peers.
fn unfit(connection: &Connection) -> Option<Reason> {
    silent(connection).or(match connection.dialled.action {
        DialAction::Flow => Some(Reason::NothingAttached),
        DialAction::Bridge => None,
    })
}

/// Why nothing of a connection can ring, whatever its dialled action is.
fn silent(connection: &Connection) -> Option<Reason> {
    match (connection.enabled, connection.kind) {
        (false, _) => Some(Reason::CalleeDisabled),
        (true, Kind::Virtual) => Some(Reason::NothingAttached),
        (true, Kind::Device | Kind::RegisterIn | Kind::RegisterOut | Kind::Trunk) => None,
    }
}

/// Whether whoever calls is a phone or PBX that registers here.
const fn is_at_home(kind: Kind) -> bool {
    matches!(kind, Kind::Device | Kind::Virtual | Kind::RegisterIn)
}

fn number_for(connection: &Connection, number: &str) -> String {
    rewrite(&for_peer(number, &connection.number_format.to), &connection.rewrite_to)
}

fn service(user: &str) -> Option<TestLine> {
    match user {
        "echo" => Some(TestLine::Echo),
        "milliwatt" => Some(TestLine::Milliwatt),
        _ => None,
    }
}

/// Candidates kept in one record; a provider with thousands of ways out does not want them all in history.
const CANDIDATES: usize = 32;
