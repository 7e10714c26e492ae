//! Judges and signs the caller ids that calls ask about (RFC 8224): keys from the keyring, certificates of other signers
//! from where they say, kept for as long as those allow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Passport, Statement, Verdict, VouchQuestion, Vouched};
use outside::{Outside, Request};
use routing::reason::Reason;
use stir::{Claims, Expected, Failure, Keyring, Malformed, Said, Trail, canonical, judge};
use timestamp::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Answers what calls ask; on tasks of its own, so that no shard waits.
pub(crate) struct Vouching {
    keyring: Arc<Keyring>,
    outside: Outside,
    chains: Mutex<HashMap<Box<str>, Chain>>,
    room: Arc<Semaphore>,
    tasks: Handle,
}

/// What was found at an address, or that nothing was.
struct Chain {
    pem: Option<Arc<[u8]>>,
    until: Instant,
}

impl Vouching {
    pub(crate) fn new(keyring: Arc<Keyring>, outside: Outside) -> Self {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        Self { keyring, outside, chains: Mutex::default(), room, tasks: Handle::current() }
    }

    /// Answers by `reply`, later. With too many under way nothing is signed, and nothing judged good.
    pub(crate) fn vouch(self: &Arc<Self>, question: VouchQuestion, reply: Box<dyn FnOnce(Vouched) + Send>) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            let late = || failed(Failure::Unfetched, "too many calls ask at once");
            let verdict = (!question.judge.is_empty()).then(late);
            return reply(Vouched { number: question.number, verdict, passport: None });
        };
        let vouching = Arc::clone(self);
        self.tasks.spawn(async move {
            reply(vouching.answer(&question).await);
            drop(place);
        });
    }

    async fn answer(&self, question: &VouchQuestion) -> Vouched {
        let passport = self.sign(question);
        let verdict = match question.judge.is_empty() {
            true => None,
            false => Some(self.judge(question).await),
        };
        Vouched { number: question.number, verdict, passport }
    }

    fn sign(&self, question: &VouchQuestion) -> Option<Passport> {
        let (account, said) = question.sign.as_ref()?;
        let signer = self.keyring.signer(account.as_str())?;
        let said = match said {
            Statement::Origin(attest) => Said::Shaken { attest: *attest, origid: uuid()? },
            Statement::Diversion(from) => Said::Diverted { from: canonical(from)? },
        };
        let now = store::now();
        let (orig, dest) = (canonical(&question.shown)?, canonical(&question.dest)?);
        let identity = signer.sign(&Claims { said, orig, dest, iat: now.as_secs() })?;
        Some(Passport { identity: identity.into(), date: date(now)?.into() })
    }

    async fn judge(&self, question: &VouchQuestion) -> Verdict {
        let number = |number: &str| canonical(number).unwrap_or_default();
        let expected = Expected { orig: number(&question.orig), dest: number(&question.dest) };
        let Some(anchors) = self.keyring.anchors() else {
            return failed(Failure::Untrusted, "certificates/stir/trusted holds no authority");
        };
        // What is wrong with the claims themselves needs no certificate.
        let trail = match Trail::read(question.judge.iter().map(|value| &**value), &expected, store::now()) {
            Ok(trail) => trail,
            Err(failure) => return failed(failure, ""),
        };
        for presented in trail.passports() {
            let chain = match self.chain(&presented.certificate_at).await {
                Ok(chain) => chain,
                Err(why) => return failed(Failure::Unfetched, &why),
            };
            if let Err(failure) = judge(presented, &chain, &anchors) {
                return failed(failure, "");
            }
        }
        Verdict::Passed(trail.attest())
    }

    /// What is at this address, whole: a chain without its intermediates would fail the second call.
    async fn chain(&self, at: &str) -> Result<Arc<[u8]>, String> {
        let now = Instant::now();
        let known = {
            let chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
            chains.get(at).filter(|chain| chain.until > now).map(|chain| chain.pem.clone())
        };
        if let Some(known) = known {
            return known.ok_or_else(|| "it could not be fetched a moment ago".to_owned());
        }
        let asked = Request {
            method: hyper::Method::GET,
            url: at.to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            patience: PATIENCE,
            longest: LONGEST,
            cut: false,
        };
        let (found, keep) = match self.outside.ask(asked).await {
            Ok(answer) if answer.status == 200 => {
                let keep = answer.max_age.map_or(KEEP, Duration::from_secs).clamp(KEEP_LEAST, KEEP_MOST);
                (Ok(Arc::from(answer.body)), keep)
            }
            Ok(answer) => (Err(format!("its address answers {}", answer.status)), KEEP_LEAST),
            Err(fault) => (Err(fault.to_string()), KEEP_LEAST),
        };
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if chains.len() >= MOST_CHAINS {
            chains.retain(|_, chain| chain.until > now);
        }
        if chains.len() < MOST_CHAINS {
            chains.insert(at.into(), Chain { pem: found.as_ref().ok().cloned(), until: now + keep });
        }
        found
    }
}

/// A verdict in the terms of the list of reasons.
fn failed(failure: Failure, why: &str) -> Verdict {
    let reason = match failure {
        Failure::Stale => Reason::SignatureStale,
        Failure::Unfetched | Failure::Malformed(Malformed::Address) => Reason::SignerNotFound,
        Failure::Unusable
        | Failure::Untrusted
        | Failure::OtherNumbers
        | Failure::Malformed(Malformed::Algorithm) => Reason::SignerUnknown,
        Failure::OtherOrigin
        | Failure::OtherDestination
        | Failure::Signature
        | Failure::Malformed(Malformed::Token | Malformed::Kind) => Reason::SignatureWrong,
    };
    let words = if why.is_empty() { failure.to_string() } else { format!("{failure}: {why}") };
    Verdict::Failed(reason, words.into())
}

/// The value of Date (RFC 3261 §20.17).
fn date(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_second(i64::try_from(at.as_secs()).ok()?).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// A random UUID (RFC 9562 §5.4).
fn uuid() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| hex.get(part).unwrap_or_default());
    Some(parts.join("-"))
}

/// Questions under way at once.
const AT_ONCE: usize = 256;
/// How long fetching may take: less than calls wait.
const PATIENCE: Duration = Duration::from_millis(1200);
/// The longest chain taken, in octets.
const LONGEST: usize = 64 * 1024;
/// How long a chain is kept, where its server does not say.
const KEEP: Duration = Duration::from_secs(3600);
const KEEP_LEAST: Duration = Duration::from_secs(30);
const KEEP_MOST: Duration = Duration::from_secs(24 * 3600);
/// Chains kept.
const MOST_CHAINS: usize = 1000;

#[cfg(test)]
mod tests {
    use timestamp::Timestamp;

    #[test]
    fn a_date_is_the_one_of_the_standard() {
        let date = super::date(Timestamp::from_secs(1_289_690_940));
        assert_eq!(date.as_deref(), Some("Sat, 13 Nov 2010 23:29:00 GMT"));
    }

    #[test]
    fn a_uuid_is_of_version_4() {
        let uuid = super::uuid().expect("randomness");
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
    }
}
