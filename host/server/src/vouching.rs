//! Judges and signs the caller ids that calls ask about (RFC 8224): keys from the keyring, certificates of other signers
//! from where they say, kept for as long as those allow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::{Verdict, VouchQuestion, Vouched};
use outside::{Outside, Request};
use routing::reason::Reason;
use stir::{Claims, Expected, Failure, Keyring, Malformed, Presented, canonical, judge};
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
            let late = |_| failed(Failure::Unfetched, "too many calls ask at once");
            return reply(Vouched { verdict: question.judge.map(late), identity: None });
        };
        let vouching = Arc::clone(self);
        self.tasks.spawn(async move {
            reply(vouching.answer(&question).await);
            drop(place);
        });
    }

    async fn answer(&self, question: &VouchQuestion) -> Vouched {
        let identity = self.sign(question);
        let verdict = match &question.judge {
            Some(value) => Some(self.judge(value, question).await),
            None => None,
        };
        Vouched { verdict, identity }
    }

    fn sign(&self, question: &VouchQuestion) -> Option<Box<str>> {
        let (account, attest) = question.sign.as_ref()?;
        let signer = self.keyring.signer(account.as_str())?;
        let claims = Claims {
            attest: *attest,
            orig: canonical(&question.shown)?,
            dest: canonical(&question.dest)?,
            iat: store::now().as_secs(),
            origid: uuid()?,
        };
        signer.sign(&claims).map(String::into_boxed_str)
    }

    async fn judge(&self, value: &str, question: &VouchQuestion) -> Verdict {
        let presented = match Presented::read(value) {
            Ok(presented) => presented,
            Err(malformed) => return failed(Failure::Malformed(malformed), ""),
        };
        let number = |number: &str| canonical(number).unwrap_or_default();
        let expected = Expected { orig: number(&question.orig), dest: number(&question.dest) };
        let Some(anchors) = self.keyring.anchors() else {
            return failed(Failure::Untrusted, "certificates/stir/trusted holds no authority");
        };
        // What is wrong with the claim itself needs no certificate.
        match judge(&presented, &expected, None, &anchors, store::now()) {
            Err(Failure::Unfetched) => {}
            Err(failure) => return failed(failure, ""),
            Ok(attest) => return Verdict::Passed(attest),
        }
        let chain = match self.chain(&presented.certificate_at).await {
            Ok(chain) => chain,
            Err(why) => return failed(Failure::Unfetched, &why),
        };
        match judge(&presented, &expected, Some(&chain), &anchors, store::now()) {
            Ok(attest) => Verdict::Passed(attest),
            Err(failure) => failed(failure, ""),
        }
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
        Failure::Unusable | Failure::Untrusted | Failure::Malformed(Malformed::Algorithm) => {
            Reason::SignerUnknown
        }
        Failure::OtherOrigin
        | Failure::OtherDestination
        | Failure::Signature
        | Failure::Malformed(Malformed::Token | Malformed::Kind) => Reason::SignatureWrong,
    };
    let words = if why.is_empty() { failure.to_string() } else { format!("{failure}: {why}") };
    Verdict::Failed(reason, words.into())
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
    #[test]
    fn a_uuid_is_of_version_4() {
        let uuid = super::uuid().expect("randomness");
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{uuid}");
    }
}
