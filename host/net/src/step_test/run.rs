//! The steps in their order, each told when it begins and when it ends.

use std::time::{Duration, Instant};

use sip_stack::transport::{Query, Target};

use super::way::{PATIENCE, Reached};
use super::{Finding, Plan, State, Step, call, name, verdict, way};
use crate::dns::Trace;
use crate::probe::Flow;

/// Runs the test; `trace` follows a host name, `told` hears of every step twice: when it begins and when it ends.
pub fn run(plan: &Plan, trace: impl Fn(Query) -> Trace, told: impl FnMut(Step)) {
    let mut test = Test { plan, ends: Instant::now() + LONGEST, told };
    let Some(targets) = test.name(&trace) else {
        return test
            .skip(&["reach", "tls", "options", "register", "call", "audio"], "the name leads nowhere");
    };
    let Some(mut reached) = test.reach(&targets) else {
        return test.skip(&["tls", "options", "register", "call", "audio"], "the peer is not reached");
    };
    if !test.tls(&mut reached) {
        return test.skip(&["options", "register", "call", "audio"], "nothing is said without encryption");
    }
    if !test.options(&mut reached) {
        return test.skip(&["register", "call", "audio"], "the peer does not answer");
    }
    if !test.register(&mut reached.flow) {
        return test.skip(&["call", "audio"], "a call would fail the same way");
    }
    test.call(reached.target);
}

struct Test<'p, F> {
    plan: &'p Plan,
    ends: Instant,
    told: F,
}

impl<F: FnMut(Step)> Test<'_, F> {
    /// DNS: the targets in the order in which they are to be tried.
    fn name(&mut self, trace: &impl Fn(Query) -> Trace) -> Option<Vec<Target>> {
        let mut targets = Vec::new();
        self.step("dns", |test| name::follow(test.plan, trace, &mut targets));
        (!targets.is_empty()).then_some(targets)
    }

    /// A flow to the first target that is there.
    fn reach(&mut self, targets: &[Target]) -> Option<Reached> {
        let mut found = None;
        self.step("reach", |test| {
            let (finding, reached) = way::reach(test.plan, targets, test.may_be_deaf(), test.ends);
            found = reached;
            finding
        });
        found
    }

    /// TLS, where the transport has it; whether going on makes sense.
    fn tls(&mut self, reached: &mut Reached) -> bool {
        let mut goes_on = true;
        self.step("tls", |test| {
            let finding = way::tls(test.plan, reached, test.until(PATIENCE));
            goes_on = finding.state != State::Failed;
            finding
        });
        goes_on
    }

    /// OPTIONS, unless it has been asked already; whether going on makes sense.
    fn options(&mut self, reached: &mut Reached) -> bool {
        let mut goes_on = true;
        self.step("options", |test| {
            let asked = reached.asked.take();
            let ends = test.until(PATIENCE);
            let reply = asked.unwrap_or_else(|| way::options(test.plan, &mut reached.flow, ends));
            let finding = verdict::of_options(reply, test.may_be_deaf());
            goes_on = finding.state != State::Failed;
            finding
        });
        goes_on
    }

    /// Whether a peer that is silent to OPTIONS has other ways to show itself.
    fn may_be_deaf(&self) -> bool {
        self.plan.registers || self.plan.call_to.is_some()
    }

    /// REGISTER without Contact; whether going on makes sense.
    fn register(&mut self, flow: &mut Flow) -> bool {
        if !self.plan.registers {
            self.skip(&["register"], "this connection does not register there");
            return true;
        }
        let mut passed = true;
        self.step("register", |test| {
            let finding =
                verdict::of_register(test.plan, way::register(test.plan, flow, test.until(LONG_PATIENCE)));
            passed = finding.state != State::Failed;
            finding
        });
        passed
    }

    /// The call and its audio.
    fn call(&mut self, target: Target) {
        let Some(number) = &self.plan.call_to else {
            return self.skip(&["call", "audio"], "no number to call was given");
        };
        let mut placed = None;
        self.step("call", |test| {
            let left = test.ends.saturating_duration_since(Instant::now());
            let (finding, report) = call::place(test.plan, number, target, left);
            placed = report;
            finding
        });
        match placed.and_then(|report| report.audio) {
            Some(audio) => self.step("audio", |_| call::audio(&audio)),
            None => self.skip(&["audio"], "the call was not answered with audio"),
        }
    }

    fn step(&mut self, name: &'static str, take: impl FnOnce(&Self) -> Finding) {
        (self.told)(Step::of(name, Duration::ZERO, Finding::new(State::Running, "", "")));
        let began = Instant::now();
        let finding = take(self);
        (self.told)(Step::of(name, began.elapsed(), finding));
    }

    fn skip(&mut self, names: &[&'static str], why: &str) {
        for name in names {
            (self.told)(Step::of(name, Duration::ZERO, Finding::skipped(why)));
        }
    }

    /// The end of a wait: this long, but not past the end of the test.
    fn until(&self, patience: Duration) -> Instant {
        self.ends.min(Instant::now() + patience)
    }
}

impl Step {
    fn of(name: &'static str, took: Duration, finding: Finding) -> Self {
        let Finding { state, detail, fix, sent, received } = finding;
        Self { name, state, took, detail, fix, sent, received }
    }
}

/// A whole test.
const LONGEST: Duration = Duration::from_secs(30);
/// For a registrar that asks its database.
const LONG_PATIENCE: Duration = Duration::from_secs(6);
