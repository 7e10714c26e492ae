//! Answering a digest challenge (RFC 7616, RFC 8760): the strongest algorithm offered, `auth` where it is offered.

use sip_msg::digest::{self, Algorithm, Qop};
use sip_msg::{Challenge, Name};

/// A challenge, and all it takes to answer it more than once.
pub(crate) struct Credentials {
    /// The field that asked.
    asked: Name,
    algorithm: Algorithm,
    user: String,
    ha1: digest::Hex,
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    auth: bool,
    stale: bool,
    count: u32,
}

impl Credentials {
    /// The best of the challenges, or none if we can answer none of them.
    pub(crate) fn choose<'a>(
        asked: Name,
        challenges: impl Iterator<Item = &'a [u8]>,
        user: &str,
        password: &str,
    ) -> Option<Self> {
        let usable = challenges.filter_map(|value| {
            let challenge = Challenge::parse(value)?;
            let algorithm = challenge.algorithm.map_or(Some(Algorithm::Md5), Algorithm::from_bytes)?;
            Some((algorithm, challenge))
        });
        let (algorithm, challenge) = usable.max_by_key(|(algorithm, _)| *algorithm == Algorithm::Sha256)?;
        let realm = unescaped(challenge.realm?);
        Some(Self {
            asked,
            algorithm,
            user: user.to_owned(),
            ha1: digest::ha1(algorithm, user.as_bytes(), &realm, password.as_bytes()),
            realm: challenge.realm?.to_vec(),
            nonce: challenge.nonce?.to_vec(),
            opaque: challenge.opaque.map(<[u8]>::to_vec),
            auth: challenge.offers_auth(),
            stale: challenge.stale,
            count: 1,
        })
    }

    /// Whether it makes sense to answer this after `old` did not do: the nonce was too old, or somebody else asks.
    pub(crate) fn is_retry_of(&self, old: &Self) -> bool {
        self.nonce != old.nonce && (self.stale || self.realm != old.realm || self.asked != old.asked)
    }

    /// The field that answers.
    pub(crate) fn answers(&self) -> Name {
        if self.asked == Name::WwwAuthenticate { Name::Authorization } else { Name::ProxyAuthorization }
    }

    /// The value that proves we may do this.
    pub(crate) fn value(&self, method: &[u8], uri: &[u8], cnonce: &str) -> Vec<u8> {
        let count = format!("{:08x}", self.count);
        let qop = self.auth.then_some(Qop { nc: count.as_bytes(), cnonce: cnonce.as_bytes(), qop: b"auth" });
        let response = digest::response(self.algorithm, self.ha1.as_ref(), &self.nonce, qop, method, uri);
        let mut value = b"Digest ".to_vec();
        let mut put = |name: &str, text: &[u8]| {
            if value.len() > b"Digest ".len() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(name.as_bytes());
            value.extend_from_slice(b"=\"");
            value.extend_from_slice(text);
            value.push(b'"');
        };
        put("username", self.user.replace('\\', "\\\\").replace('"', "\\\"").as_bytes());
        put("realm", &self.realm);
        put("nonce", &self.nonce);
        put("uri", uri);
        put("response", response.as_ref());
        if let Some(opaque) = &self.opaque {
            put("opaque", opaque);
        }
        if self.auth {
            put("cnonce", cnonce.as_bytes());
            value.extend_from_slice(format!(", qop=auth, nc={count}").as_bytes());
        }
        value.extend_from_slice(format!(", algorithm={}", self.algorithm.as_str()).as_bytes());
        value
    }

    /// One more request was sent under this nonce.
    pub(crate) fn count(&mut self) {
        self.count += 1;
    }
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    sip_msg::header::unescape(value, &mut out);
    out
}
